/* SPDX-License-Identifier: MIT */
/* fs_xattr.c - SETXATTR, GETXATTR and their twins that take a descriptor. See fs.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "sim/fs.h"

enum {
	NAME_SIZE_MAX = 255,
	VALUE_SIZE_MAX = 65536,
	ROOM = 4000,			/* ext4: what is left of a block, all attributes together */
};

/* --- names ----------------------------------------------------------------------------------- */

static bool is_of(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* Its namespace has to be one that is there, and to be followed by something. */
static int check_name(const char *name)
{
	static const char *const prefixes[] = { "user.", "trusted.", "security." };

	for (size_t k = 0; k < sizeof(prefixes) / sizeof(prefixes[0]); k++)
		if (is_of(name, prefixes[k]))
			return name[strlen(prefixes[k])] ? 0 : -EINVAL;
	return -EOPNOTSUPP;
}

/* The length, as the copying of an attribute's name tells it. */
static int copy_names(struct sim_request *rq, uint64_t path)
{
	const char *name = (const char *)(uintptr_t)rq->sqe.addr;
	size_t len = name ? strnlen(name, NAME_SIZE_MAX + 1) : 0;

	if (!name)
		return -EFAULT;
	if (!len || len > NAME_SIZE_MAX)
		return -ERANGE;
	return rondo__sim_names_copy(rq, rq->sqe.addr, path, 0);
}

static int inode_of(struct sim_request *rq, struct sim_inode **inode)
{
	const char *path = sim_names_of(rq)->path[1];

	if (!path && rq->file->flags & O_PATH)
		return -EBADF;
	return rondo__sim_walk_to(sim_host_of(rq), path ? AT_FDCWD : rq->sqe.fd, path ? path : "",
				  SIM_LAST_FOLLOW, path ? 0 : AT_EMPTY_PATH, inode);
}

/* --- setting --------------------------------------------------------------------------------- */

static int prepare_set(struct sim_request *rq, uint64_t path)
{
	struct sim_names *names, *whole;
	const void *value = (const void *)(uintptr_t)rq->sqe.addr2;
	size_t size;
	int ret;

	if (rq->sqe.xattr_flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	ret = copy_names(rq, path);
	if (ret < 0)
		return ret;
	if (rq->sqe.len > VALUE_SIZE_MAX)
		return -E2BIG;
	/* One block of memory, because free() is all that the request knows. */
	names = rq->private_data;
	size = sizeof(*names) + strlen(names->path[0]) + 1;
	size += names->path[1] ? strlen(names->path[1]) + 1 : 0;
	whole = rondo__sim_alloc(size + rq->sqe.len);
	memcpy(whole, names, size);
	whole->path[0] = whole->bytes;
	whole->path[1] = names->path[1] ? whole->bytes + strlen(whole->bytes) + 1 : NULL;
	whole->value = (char *)whole + size;
	whole->size_bytes = rq->sqe.len;
	if (rq->sqe.len)
		memcpy((char *)whole + size, value, rq->sqe.len);
	free(names);
	rq->private_data = whole;
	return 0;
}

static int setxattr_prepare(struct sim_request *rq)
{
	return prepare_set(rq, rq->sqe.addr3);
}

static int fsetxattr_prepare(struct sim_request *rq)
{
	return prepare_set(rq, 0);
}

static size_t room_taken(const struct sim_inode *i, const struct sim_xattr *except)
{
	size_t n = 0;

	for (struct list *l = i->xattrs.next; l != &i->xattrs; l = l->next) {
		const struct sim_xattr *x = container_of(l, struct sim_xattr, link);

		n += x == except ? 0 : x->size_bytes + strlen(x->name) + 20;
	}
	return n;
}

static long set_run(struct sim_request *rq)
{
	const struct sim_names *names = sim_names_of(rq);
	const char *name = names->path[0];
	uint32_t flags = rq->sqe.xattr_flags;
	struct sim_xattr *old;
	struct sim_inode *i;
	int ret = inode_of(rq, &i);

	if (ret == 0)
		ret = check_name(name);
	if (ret < 0)
		return ret;
	if (is_of(name, "user.") && !S_ISREG(i->mode) && !S_ISDIR(i->mode))
		return -EPERM;
	old = rondo__sim_xattr_find(i, name);
	if (flags & XATTR_CREATE && old)
		return -EEXIST;
	if (flags & XATTR_REPLACE && !old)
		return -ENODATA;
	if (room_taken(i, old) + names->size_bytes > ROOM)
		return -ENOSPC;
	rondo__sim_journal_begin(i->disk);
	rondo__sim_journal_xattr(i, name);
	rondo__sim_xattr_set(i, name, names->value, names->size_bytes);
	i->attr.ctime_ns = rondo__sim_fs_now(sim_host_of(rq));
	return 0;
}

const struct sim_op rondo__sim_op_setxattr = {
	.name = "SETXATTR", .path = SIM_WORKER, .prepare = setxattr_prepare, .run = set_run,
};

const struct sim_op rondo__sim_op_fsetxattr = {
	.name = "FSETXATTR", .path = SIM_WORKER, .needs_file = true, .prepare = fsetxattr_prepare,
	.run = set_run,
};

/* --- getting --------------------------------------------------------------------------------- */

static int prepare_get(struct sim_request *rq, uint64_t path)
{
	int ret = rq->sqe.xattr_flags ? -EINVAL : copy_names(rq, path);

	if (ret == 0 && rq->sqe.len)
		rondo__sim_names_fill(rq, rq->sqe.addr2, rq->sqe.len);
	return ret;
}

static int getxattr_prepare(struct sim_request *rq)
{
	return prepare_get(rq, rq->sqe.addr3);
}

static int fgetxattr_prepare(struct sim_request *rq)
{
	return prepare_get(rq, 0);
}

static long get_run(struct sim_request *rq)
{
	const char *name = sim_names_of(rq)->path[0];
	struct sim_xattr *x;
	struct sim_inode *i;
	int ret = inode_of(rq, &i);

	if (ret == 0)
		ret = check_name(name);
	if (ret < 0)
		return ret;
	x = rondo__sim_xattr_find(i, name);
	if (!x)
		return -ENODATA;
	if (rq->sqe.len && rq->sqe.len < x->size_bytes)
		return -ERANGE;
	if (rq->sqe.len && x->size_bytes)
		memcpy(rq->iov->iov_base, x->value, x->size_bytes);
	return (long)x->size_bytes;
}

const struct sim_op rondo__sim_op_getxattr = {
	.name = "GETXATTR", .path = SIM_WORKER, .prepare = getxattr_prepare, .run = get_run,
};

const struct sim_op rondo__sim_op_fgetxattr = {
	.name = "FGETXATTR", .path = SIM_WORKER, .needs_file = true, .prepare = fgetxattr_prepare,
	.run = get_run,
};
