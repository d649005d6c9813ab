// SPDX-License-Identifier: GPL-2.0
#include "ioctl.h"

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "file.h"
#include "region.h"
#include "ring.h"
#include "window.h"

/* Kernel copy of a command's structure. All begin with size and flags. */
union msha_args {
	struct {
		u32 size;
		u32 flags;
	};
	struct msharearena_info info;
	struct msharearena_create create;
	struct msharearena_region region;
	struct msharearena_unlink unlink;
	struct msharearena_view view;
	struct msharearena_export export;
	struct msharearena_busy busy;
	struct msharearena_publish publish;
	struct msharearena_withdraw withdraw;
	struct msharearena_take take;
};

/* The kind of open file that a command needs. */
enum msha_need {
	MSHA_CONTROL,	/* the control device */
	MSHA_ANY,	/* any view */
	MSHA_WHOLE,	/* a view that every region has: rw or ro */
	MSHA_WRITABLE,	/* a view with a writable range, open for writing */
	MSHA_RW,	/* the rw view, open for writing */
};

/**
 * struct msha_command - one row of the dispatch table
 * @cmd: ioctl number
 * @size: bytes of the structure as this module knows it
 * @min_size: bytes of its first version
 * @flags: flags that are supported
 * @need: kind of file that the command needs
 * @replies: the copy is written back to the caller
 * @handler: executes the command; if it returns a descriptor, nothing may fail
 *	afterwards
 */
struct msha_command {
	unsigned int cmd;
	size_t size;
	size_t min_size;
	u32 flags;
	enum msha_need need;
	bool replies;
	int (*handler)(struct file *file, union msha_args *a);
};

static struct msha_view *msha_view_of(struct file *file)
{
	return file->private_data;
}

static int msha_do_info(struct file *file, union msha_args *a)
{
	struct msharearena_info *info = &a->info;

	if (info->reserved)
		return -EINVAL;
	info->api_version = MSHAREARENA_API_VERSION;
	info->page_sizes = msha_page_sizes();
	info->window_size = MSHAREARENA_WINDOW_SIZE;
	return 0;
}

/* A mode makes sense only with a node. */
static bool msha_node_ok(u32 flags, u32 mode)
{
	return !(mode & ~0666) && !(mode && (flags & MSHAREARENA_NO_NODE));
}

static int msha_check_create(const struct msharearena_create *c)
{
	if (c->reserved || !msha_node_ok(c->flags, c->mode) ||
	    !msha_name_ok(c->name, sizeof(c->name)))
		return -EINVAL;
	if (!is_power_of_2(c->page_size) ||
	    !(c->page_size & (MSHAREARENA_PAGE_4K | MSHAREARENA_PAGE_2M |
			      MSHAREARENA_PAGE_1G)))
		return -EINVAL;
	if (!(msha_page_sizes() & c->page_size))
		return -EOPNOTSUPP;
	if (!c->length || c->length > MSHAREARENA_WINDOW_SIZE ||
	    (c->length & (c->page_size - 1)))
		return -EINVAL;
	return msha_window_valid(c->addr) ? 0 : -EINVAL;
}

/* If the file cannot be made, the name and the nodes are removed again. */
static struct file *msha_create_file(const struct msharearena_create *c)
{
	struct msha_region *r = msha_region_create(c);
	struct file *file;

	if (IS_ERR(r))
		return ERR_CAST(r);
	file = msha_file_new(r->rw, true);
	if (IS_ERR(file))
		msha_region_remove(r);
	msha_region_put(r);
	return file;
}

/* Install @file under the reserved @fd, or release @fd if it is an ERR_PTR. */
static int msha_answer(int fd, struct file *file)
{
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		return PTR_ERR(file);
	}
	fd_install(fd, file);
	return fd;
}

static int msha_do_create(struct file *file, union msha_args *a)
{
	int fd, ret = msha_check_create(&a->create);

	if (ret)
		return ret;
	fd = get_unused_fd_flags(O_CLOEXEC);
	return fd < 0 ? fd : msha_answer(fd, msha_create_file(&a->create));
}

static int msha_do_next_region(struct file *file, union msha_args *a)
{
	struct msha_region *r = msha_window_next(a->region.addr);

	if (!r)
		return -ENOENT;
	msha_region_describe(r, &a->region);
	memset(a->region.view, 0, sizeof(a->region.view));
	msha_region_put(r);
	return 0;
}

static int msha_do_region(struct file *file, union msha_args *a)
{
	struct msha_view *v = msha_view_of(file);

	msha_region_describe(v->region, &a->region);
	if (!v->writable)
		a->region.status |= MSHAREARENA_REGION_READONLY;
	strscpy_pad(a->region.view, v->name, sizeof(a->region.view));
	return 0;
}

static int msha_do_unlink(struct file *file, union msha_args *a)
{
	return msha_region_unlink(msha_view_of(file)->region);
}

static int msha_do_add_view(struct file *file, union msha_args *a)
{
	int fd;

	if (!msha_node_ok(a->view.flags, a->view.mode) ||
	    !msha_name_ok(a->view.view, sizeof(a->view.view)))
		return -EINVAL;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	return msha_answer(fd, msha_region_add_view(msha_view_of(file)->region,
						    &a->view));
}

static int msha_do_export(struct file *file, union msha_args *a)
{
	return msha_region_export(msha_view_of(file)->region, &a->export);
}

static int msha_do_busy(struct file *file, union msha_args *a)
{
	if ((a->busy.flags & MSHAREARENA_BUSY_DRAIN) &&
	    !msha_file_is_writable(file))
		return -EACCES;
	return msha_region_busy(msha_view_of(file)->region, &a->busy);
}

static int msha_do_publish(struct file *file, union msha_args *a)
{
	return msha_ring_publish(msha_view_of(file)->region, &a->publish);
}

static int msha_do_withdraw(struct file *file, union msha_args *a)
{
	return msha_ring_withdraw(msha_view_of(file)->region, &a->withdraw);
}

static int msha_do_take(struct file *file, union msha_args *a)
{
	if (a->take.reserved)
		return -EINVAL;
	return msha_ring_take(msha_view_of(file)->region, &a->take);
}

#define MSHA_CMD(_nr, _member, _last, _flags, _need, _replies, _handler) \
	{								\
		.cmd = MSHAREARENA_##_nr,				\
		.size = sizeof_field(union msha_args, _member),		\
		.min_size = offsetofend(union msha_args, _member._last),\
		.flags = _flags,					\
		.need = _need,						\
		.replies = _replies,					\
		.handler = _handler,					\
	}

static const struct msha_command msha_commands[] = {
	MSHA_CMD(GET_INFO, info, window_size, 0, MSHA_CONTROL, true,
		 msha_do_info),
	MSHA_CMD(CREATE, create, name, MSHAREARENA_NO_NODE, MSHA_CONTROL, false,
		 msha_do_create),
	MSHA_CMD(NEXT_REGION, region, view, 0, MSHA_CONTROL, true,
		 msha_do_next_region),
	MSHA_CMD(GET_REGION, region, view, 0, MSHA_ANY, true, msha_do_region),
	MSHA_CMD(UNLINK, unlink, flags, 0, MSHA_WHOLE, false, msha_do_unlink),
	MSHA_CMD(ADD_VIEW, view, view, MSHAREARENA_NO_NODE, MSHA_RW, false,
		 msha_do_add_view),
	MSHA_CMD(EXPORT, export, offset, 0, MSHA_RW, false, msha_do_export),
	MSHA_CMD(GET_BUSY, busy, first_busy, MSHAREARENA_BUSY_DRAIN, MSHA_ANY,
		 true, msha_do_busy),
	MSHA_CMD(PUBLISH, publish, tag, 0, MSHA_WRITABLE, false,
		 msha_do_publish),
	MSHA_CMD(WITHDRAW, withdraw, tag, 0, MSHA_WRITABLE, false,
		 msha_do_withdraw),
	MSHA_CMD(TAKE, take, tag, 0, MSHA_WRITABLE, false, msha_do_take),
};

static int msha_call(const struct msha_command *cmd, struct file *file,
		     void __user *uarg)
{
	union msha_args a = {};
	u32 size;
	int ret;

	if (get_user(size, (u32 __user *)uarg))
		return -EFAULT;
	if (size < cmd->min_size)
		return -EINVAL;
	/* Limit the time that the search for unknown nonzero bytes takes. */
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&a, cmd->size, uarg, size);
	if (ret)
		return ret;
	/* The size may have been changed since it was read. */
	a.size = size;
	if (a.flags & ~cmd->flags)
		return -EINVAL;
	ret = cmd->handler(file, &a);
	if (ret || !cmd->replies)
		return ret;
	if (copy_to_user(uarg, &a, min_t(size_t, size, cmd->size)))
		return -EFAULT;
	return 0;
}

/* The user of an added view may act on a part of the region only. */
static bool msha_file_suffices(struct file *file, enum msha_need need)
{
	switch (need) {
	case MSHA_WHOLE:
		return !msha_view_of(file)->ranges;
	case MSHA_WRITABLE:
		return msha_file_is_writable(file);
	case MSHA_RW:
		return msha_file_is_writable(file) &&
		       msha_view_of(file) == msha_view_of(file)->region->rw;
	default:
		return true;
	}
}

long msha_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	bool control = file->f_op != &msha_file_ops;
	const struct msha_command *c = msha_commands;

	while (c->cmd != cmd || (c->need == MSHA_CONTROL) != control)
		if (++c == msha_commands + ARRAY_SIZE(msha_commands))
			return -ENOTTY;
	if (!msha_file_suffices(file, c->need))
		return -EACCES;
	return msha_call(c, file, (void __user *)arg);
}
