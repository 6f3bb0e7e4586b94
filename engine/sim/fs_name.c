/* SPDX-License-Identifier: MIT */
/* fs_name.c - following a path, as the kernel's namei.c does. See fs.h. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "sim/fs.h"

enum { LINKS_MAX = 40 };

int64_t rondo__sim_fs_now(struct sim_host *h)
{
	return (int64_t)rondo__sim_wall_clock(h);
}

/* --- walking --------------------------------------------------------------------------------- */

struct walk {
	struct sim_inode *root;		/* of absolute paths, and above which .. does not lead */
	struct sim_inode *base;		/* where it began */
	struct sim_inode *at;
	uint64_t resolve;		/* RESOLVE_* */
	enum sim_last last;
	unsigned n_links;
	char *path;			/* owned */
	char *rest;			/* in path: what is still to go */
};

static int begin_at(struct sim_host *h, int dirfd, struct sim_inode **base)
{
	struct sim_file *f;
	struct sim_disk_file *df;

	*base = h->disk->root;
	if (dirfd == AT_FDCWD)
		return 0;
	f = rondo__sim_fd_file(h, dirfd);
	if (!f)
		return -EBADF;
	df = rondo__sim_disk_file(f);
	if (!df || !S_ISDIR(df->inode->mode))
		return -ENOTDIR;
	*base = df->inode;
	return 0;
}

/* To the start of an absolute path. */
static int go_to_root(struct walk *w)
{
	if (w->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	w->at = w->root;
	return 0;
}

static int go_up(struct walk *w)
{
	if (w->at == w->base && w->resolve & RESOLVE_BENEATH)
		return -EXDEV;
	if (w->at != w->root)
		w->at = w->at->parent;
	return 0;
}

static int go_to_link(struct walk *w, const struct sim_inode *link, bool slash)
{
	size_t size = strlen(link->target) + strlen(w->rest) + 2;
	char *path;

	if (w->resolve & RESOLVE_NO_SYMLINKS || ++w->n_links > LINKS_MAX)
		return -ELOOP;
	path = rondo__sim_alloc(size);
	strcpy(path, link->target);
	if (slash)
		strcat(path, "/");
	strcat(path, w->rest);
	free(w->path);
	w->path = w->rest = path;
	return *path == '/' ? go_to_root(w) : 0;
}

/* Cut the next component off. Its length, 0 at the end, or -ENAMETOOLONG. */
static int next_component(struct walk *w, struct sim_place *place)
{
	size_t len;

	w->rest += strspn(w->rest, "/");
	len = strcspn(w->rest, "/");
	if (!len || len > NAME_MAX)	/* at the end the place stays that of the last one */
		return len ? -ENAMETOOLONG : 0;
	memcpy(place->name, w->rest, len);
	place->name[len] = '\0';
	w->rest += len;
	place->slash = *w->rest == '/';
	w->rest += strspn(w->rest, "/");
	return (int)len;
}

static bool is_followed(const struct walk *w, const struct sim_place *place)
{
	if (*w->rest)
		return true;
	switch (w->last) {
	case SIM_LAST_FOLLOW:
		return true;
	case SIM_LAST_KEEP:
		return place->slash;
	case SIM_LAST_CREATE:
		return !place->slash;
	default:
		return false;
	}
}

static int go_to_name(struct walk *w, struct sim_place *place)
{
	struct sim_inode *child = rondo__sim_entry_find(w->at, place->name);

	if (!child && *w->rest)
		return -ENOENT;
	place->kind = SIM_IS_NAME;
	place->dir = w->at;
	place->inode = child;
	if (!child)
		return 0;
	if (S_ISLNK(child->mode) && is_followed(w, place))
		return go_to_link(w, child, place->slash);
	w->at = child;
	return 0;
}

static int go_to_component(struct walk *w, struct sim_place *place)
{
	bool dot = !strcmp(place->name, "."), dotdot = !strcmp(place->name, "..");
	int ret = 0;

	if (!S_ISDIR(w->at->mode))
		return -ENOTDIR;
	if (!dot && !dotdot)
		return go_to_name(w, place);
	if (dotdot)
		ret = go_up(w);
	place->kind = dot ? SIM_IS_DOT : SIM_IS_DOTDOT;
	place->dir = NULL;
	place->inode = w->at;
	return ret;
}

static int walk(struct walk *w, struct sim_place *place)
{
	int ret = *w->rest == '/' ? go_to_root(w) : 0;

	place->kind = SIM_IS_ROOT;
	place->inode = w->at;
	while (ret == 0 && (ret = next_component(w, place)) > 0)
		ret = go_to_component(w, place);
	return ret;
}

int rondo__sim_walk(struct sim_host *h, int dirfd, const char *path, enum sim_last last,
		    uint64_t resolve, struct sim_place *place)
{
	struct walk w = { .root = h->disk->root, .resolve = resolve, .last = last };
	bool scoped = resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT);
	int ret = begin_at(h, *path == '/' && !scoped ? AT_FDCWD : dirfd, &w.base);

	*place = (struct sim_place){ 0 };
	if (ret < 0)
		return ret;
	if (resolve & RESOLVE_IN_ROOT)
		w.root = w.base;
	w.at = w.base;
	w.path = w.rest = strdup(path);
	BUG_ON(!w.path);
	ret = walk(&w, place);
	free(w.path);
	if (ret < 0 || last == SIM_LAST_NAME || last == SIM_LAST_CREATE)
		return ret;
	return place->slash && place->inode && !S_ISDIR(place->inode->mode) ? -ENOTDIR : 0;
}

/* --- what the operations ask for ------------------------------------------------------------- */

static int inode_of_fd(struct sim_host *h, int fd, struct sim_inode **inode)
{
	struct sim_file *f;
	struct sim_disk_file *df;

	*inode = h->disk->root;
	if (fd == AT_FDCWD)
		return 0;
	f = rondo__sim_fd_file(h, fd);
	if (!f)
		return -EBADF;
	df = rondo__sim_disk_file(f);
	if (!df)
		rondo__sim_fail(h->sim, "Z4", "the inode of a %s is not simulated",
				f->class->name);
	*inode = df ? df->inode : NULL;
	return df ? 0 : -EINVAL;
}

int rondo__sim_walk_to(struct sim_host *h, int dirfd, const char *path, enum sim_last last,
		       int flags, struct sim_inode **inode)
{
	struct sim_place place;
	int ret;

	if (!*path && flags & AT_EMPTY_PATH)
		return inode_of_fd(h, dirfd, inode);
	ret = rondo__sim_walk(h, dirfd, path, last, 0, &place);
	if (ret < 0)
		return ret;
	*inode = place.inode;
	return place.inode ? 0 : -ENOENT;
}

int rondo__sim_walk_to_new(struct sim_host *h, int dirfd, const char *path, bool folder,
			   struct sim_place *place)
{
	int ret = rondo__sim_walk(h, dirfd, path, SIM_LAST_NAME, 0, place);

	if (ret < 0)
		return ret;
	if (place->inode)
		return -EEXIST;
	if (place->slash && !folder)
		return -ENOENT;
	return place->dir->n_names ? 0 : -ENOENT;	/* the folder itself was removed */
}

void rondo__sim_name_set(struct sim_host *h, struct sim_inode *dir, const char *name,
			 struct sim_inode *child)
{
	struct sim_inode *old = rondo__sim_entry_find(dir, name);
	int64_t now_ns = rondo__sim_fs_now(h);

	rondo__sim_journal_entry(dir, name);
	dir->attr.mtime_ns = dir->attr.ctime_ns = now_ns;
	if (old)
		old->attr.ctime_ns = now_ns;
	if (child)
		child->attr.ctime_ns = now_ns;
	rondo__sim_entry_set(dir, name, child);
}

/* --- what SQEs point to ---------------------------------------------------------------------- */

static int check_path(const char *path, bool may_be_empty)
{
	if (sim_is_bad_address((uintptr_t)path))
		return -EFAULT;
	if (!*path && !may_be_empty)
		return -ENOENT;
	return strnlen(path, PATH_MAX) == PATH_MAX ? -ENAMETOOLONG : 0;
}

int rondo__sim_names_copy(struct sim_request *rq, uint64_t path0, uint64_t path1,
			  unsigned may_be_empty)
{
	const char *paths[] = { (const char *)(uintptr_t)path0, (const char *)(uintptr_t)path1 };
	size_t sizes[2] = { 0, 0 };
	struct sim_names *names;

	for (int i = 0; i < 2; i++) {
		int ret = i && !path1 ? 0 : check_path(paths[i], may_be_empty & 1u << i);

		if (ret < 0)
			return ret;
		sizes[i] = paths[i] ? strlen(paths[i]) + 1 : 0;
	}
	names = rq->private_data = rondo__sim_alloc(sizeof(*names) + sizes[0] + sizes[1]);
	names->path[0] = memcpy(names->bytes, paths[0], sizes[0]);
	if (sizes[1])
		names->path[1] = memcpy(names->bytes + sizes[0], paths[1], sizes[1]);
	return 0;
}

void rondo__sim_names_fill(struct sim_request *rq, uint64_t address, size_t size_bytes)
{
	rq->iov = rondo__sim_alloc(sizeof(*rq->iov));
	*rq->iov = (struct iovec){ (void *)(uintptr_t)address, size_bytes };
	rq->n_iov = 1;
	rq->kernel_writes = true;
}
