/* SPDX-License-Identifier: MIT */
/* fs_name_ops.c - RENAMEAT, UNLINKAT, MKDIRAT, SYMLINKAT, LINKAT. See fs.h. */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>

#include "sim/fs.h"

enum { UMASK = 022, MODE_OF_FOLDERS = 01777, LINKS_MAX = 65000 };

static int one_path(struct sim_request *rq)
{
	return rondo__sim_names_copy(rq, rq->sqe.addr, 0, 0);
}

static int two_paths(struct sim_request *rq)
{
	return rondo__sim_names_copy(rq, rq->sqe.addr, rq->sqe.addr2, 0);
}

/* --- making ---------------------------------------------------------------------------------- */

/* A new inode under a new name, in one operation. */
static int make(struct sim_host *h, const struct sim_place *place, uint32_t mode,
		const char *target)
{
	struct sim_inode *i;

	if (!rondo__sim_disk_has_room(h->disk, 1))
		return -ENOSPC;
	rondo__sim_journal_begin(h->disk);
	i = rondo__sim_inode_make(h->disk, mode, rondo__sim_fs_now(h));
	if (target) {
		i->target = strdup(target);
		BUG_ON(!i->target);
		i->attr.size = strlen(target);
	}
	rondo__sim_name_set(h, place->dir, place->name, i);
	rondo__sim_inode_unref(i);
	return 0;
}

static long mkdir_run(struct sim_request *rq)
{
	struct sim_host *h = sim_host_of(rq);
	struct sim_place place;
	int ret = rondo__sim_walk_to_new(h, rq->sqe.fd, sim_names_of(rq)->path[0], true, &place);

	return ret < 0 ? ret : make(h, &place, S_IFDIR | (rq->sqe.len & MODE_OF_FOLDERS & ~UMASK),
				    NULL);
}

const struct sim_op rondo__sim_op_mkdirat = {
	.name = "MKDIRAT", .path = SIM_WORKER, .prepare = one_path, .run = mkdir_run,
};

static long symlink_run(struct sim_request *rq)
{
	const struct sim_names *names = sim_names_of(rq);
	struct sim_host *h = sim_host_of(rq);
	struct sim_place place;
	int ret = rondo__sim_walk_to_new(h, rq->sqe.fd, names->path[1], false, &place);

	return ret < 0 ? ret : make(h, &place, S_IFLNK | 0777, names->path[0]);
}

const struct sim_op rondo__sim_op_symlinkat = {
	.name = "SYMLINKAT", .path = SIM_WORKER, .prepare = two_paths, .run = symlink_run,
};

static int link_prepare(struct sim_request *rq)
{
	bool may_be_empty = rq->sqe.hardlink_flags & AT_EMPTY_PATH;

	return rondo__sim_names_copy(rq, rq->sqe.addr, rq->sqe.addr2, may_be_empty);
}

static int check_link(const struct sim_inode *i)
{
	if (S_ISDIR(i->mode))
		return -EPERM;
	if (!i->n_names && !i->nameless)
		return -ENOENT;
	return i->n_names >= LINKS_MAX ? -EMLINK : 0;
}

static long link_run(struct sim_request *rq)
{
	const struct sim_names *names = sim_names_of(rq);
	struct sim_host *h = sim_host_of(rq);
	int flags = (int)rq->sqe.hardlink_flags;
	struct sim_place place;
	struct sim_inode *i;
	int ret;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	ret = rondo__sim_walk_to(h, rq->sqe.fd, names->path[0],
				 flags & AT_SYMLINK_FOLLOW ? SIM_LAST_FOLLOW : SIM_LAST_KEEP, flags,
				 &i);
	if (ret == 0)
		ret = rondo__sim_walk_to_new(h, (int)rq->sqe.len, names->path[1], false, &place);
	if (ret == 0)
		ret = check_link(i);
	if (ret < 0)
		return ret;
	rondo__sim_journal_begin(h->disk);
	i->nameless = false;
	rondo__sim_name_set(h, place.dir, place.name, i);
	return 0;
}

const struct sim_op rondo__sim_op_linkat = {
	.name = "LINKAT", .path = SIM_WORKER, .prepare = link_prepare, .run = link_run,
};

/* --- removing -------------------------------------------------------------------------------- */

static int check_unlink(const struct sim_place *place)
{
	if (place->kind != SIM_IS_NAME)
		return -EISDIR;
	if (!place->inode)
		return -ENOENT;
	if (S_ISDIR(place->inode->mode))
		return -EISDIR;
	return place->slash ? -ENOTDIR : 0;
}

static int check_rmdir(const struct sim_place *place)
{
	static const int of_kind[] = {
		[SIM_IS_ROOT] = -EBUSY, [SIM_IS_DOT] = -EINVAL, [SIM_IS_DOTDOT] = -ENOTEMPTY,
	};

	if (place->kind != SIM_IS_NAME)
		return of_kind[place->kind];
	if (!place->inode)
		return -ENOENT;
	if (!S_ISDIR(place->inode->mode))
		return -ENOTDIR;
	return place->inode->n_entries ? -ENOTEMPTY : 0;
}

static long unlink_run(struct sim_request *rq)
{
	struct sim_host *h = sim_host_of(rq);
	uint32_t flags = rq->sqe.unlink_flags;
	struct sim_place place;
	int ret;

	if (flags & ~(uint32_t)AT_REMOVEDIR)
		return -EINVAL;
	ret = rondo__sim_walk(h, rq->sqe.fd, sim_names_of(rq)->path[0], SIM_LAST_NAME, 0, &place);
	if (ret == 0)
		ret = flags ? check_rmdir(&place) : check_unlink(&place);
	if (ret < 0)
		return ret;
	rondo__sim_journal_begin(h->disk);
	rondo__sim_name_set(h, place.dir, place.name, NULL);
	return 0;
}

const struct sim_op rondo__sim_op_unlinkat = {
	.name = "UNLINKAT", .path = SIM_WORKER, .prepare = one_path, .run = unlink_run,
};

/* --- renaming -------------------------------------------------------------------------------- */

struct rename {
	struct sim_place from, to;
	unsigned flags;			/* RENAME_* */
};

/* Is a folder the other, or above it? */
static bool holds(const struct sim_inode *a, const struct sim_inode *b)
{
	while (b != a && b->parent != b)
		b = b->parent;
	return b == a;
}

/* What a name must not look like. */
static int check_names(const struct rename *r)
{
	bool exchange = r->flags & RENAME_EXCHANGE;

	if (r->from.kind != SIM_IS_NAME)
		return -EBUSY;
	if (r->to.kind != SIM_IS_NAME)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	if (!r->from.inode)
		return -ENOENT;
	if (r->flags & RENAME_NOREPLACE && r->to.inode)
		return -EEXIST;
	if (exchange && !r->to.inode)
		return -ENOENT;
	if (exchange && !S_ISDIR(r->to.inode->mode) && r->to.slash)
		return -ENOTDIR;
	if (!S_ISDIR(r->from.inode->mode) && (r->from.slash || (!exchange && r->to.slash)))
		return -ENOTDIR;
	if (S_ISDIR(r->from.inode->mode) && holds(r->from.inode, r->to.dir))
		return -EINVAL;
	if (r->to.inode && S_ISDIR(r->to.inode->mode) && holds(r->to.inode, r->from.dir))
		return exchange ? -EINVAL : -ENOTEMPTY;
	return r->to.dir->n_names ? 0 : -ENOENT;
}

/* What may not take the place of what. */
static int check_kinds(const struct rename *r)
{
	bool from_folder = S_ISDIR(r->from.inode->mode);

	if (!r->to.inode || r->flags & RENAME_EXCHANGE)
		return 0;
	if (from_folder && !S_ISDIR(r->to.inode->mode))
		return -ENOTDIR;
	if (!from_folder && S_ISDIR(r->to.inode->mode))
		return -EISDIR;
	return r->to.inode->n_entries ? -ENOTEMPTY : 0;
}

static int find(struct sim_request *rq, struct rename *r)
{
	const struct sim_names *names = sim_names_of(rq);
	struct sim_host *h = sim_host_of(rq);
	int ret = rondo__sim_walk(h, rq->sqe.fd, names->path[0], SIM_LAST_NAME, 0, &r->from);

	if (ret == 0)
		ret = rondo__sim_walk(h, (int)rq->sqe.len, names->path[1], SIM_LAST_NAME, 0,
				      &r->to);
	if (ret == 0)
		ret = check_names(r);
	return ret;
}

static void apply(struct sim_host *h, struct rename *r)
{
	struct sim_inode *from = r->from.inode, *to = r->to.inode;

	rondo__sim_inode_ref(from);
	if (to)
		rondo__sim_inode_ref(to);
	rondo__sim_journal_begin(h->disk);
	rondo__sim_name_set(h, r->from.dir, r->from.name, r->flags & RENAME_EXCHANGE ? to : NULL);
	rondo__sim_name_set(h, r->to.dir, r->to.name, from);
	rondo__sim_inode_unref(from);
	if (to)
		rondo__sim_inode_unref(to);
}

static long rename_run(struct sim_request *rq)
{
	enum { KNOWN = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT };
	struct rename r = { .flags = rq->sqe.rename_flags };
	int ret;

	if (r.flags & ~(unsigned)KNOWN || (r.flags & RENAME_EXCHANGE && r.flags != RENAME_EXCHANGE))
		return -EINVAL;
	if (r.flags & RENAME_WHITEOUT)
		rondo__sim_fail(sim_of(rq), "Z4", "RENAME_WHITEOUT");
	ret = find(rq, &r);
	if (ret < 0 || r.from.inode == r.to.inode)
		return ret;
	ret = check_kinds(&r);
	if (ret == 0)
		apply(sim_host_of(rq), &r);
	return ret;
}

const struct sim_op rondo__sim_op_renameat = {
	.name = "RENAMEAT", .path = SIM_WORKER, .prepare = two_paths, .run = rename_run,
};
