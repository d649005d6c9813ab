// SPDX-License-Identifier: GPL-2.0
#include "ioctl.h"

#include <linux/fs.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "name.h"
#include "quiesce.h"
#include "region.h"
#include "ring.h"
#include "slot.h"

/* Kernel copy of any command's structure. All begin with size and flags. */
union msha_args {
	struct {
		u32 size;
		u32 flags;
	};
	struct msharearena_info info;
	struct msharearena_create create;
	struct msharearena_unlink unlink;
	struct msharearena_view view;
	struct msharearena_region region;
	struct msharearena_export export;
	struct msharearena_publish publish;
	struct msharearena_take take;
	struct msharearena_quiesce quiesce;
};

/* Which open files a command works on. */
enum msha_need {
	MSHA_ANY,
	MSHA_WRITABLE,	/* a view with a writable range, open for writing */
	MSHA_RW,	/* the rw view, open for writing */
};

/**
 * struct msha_command - one row of a dispatch table
 * @cmd: ioctl number
 * @size: bytes of the structure as this module knows it
 * @min_size: bytes of its first version
 * @need: what the file has to be
 * @replies: the copy goes back to the caller; handlers of others write what
 *	they have to say themselves, before it is too late to fail
 * @handler: acts on the checked copy
 */
struct msha_command {
	unsigned int cmd;
	size_t size;
	size_t min_size;
	enum msha_need need;
	bool replies;
	int (*handler)(struct file *file, union msha_args *a,
		       void __user *uarg);
};

static int msha_do_info(struct file *file, union msha_args *a,
			void __user *uarg)
{
	struct msharearena_info *info = &a->info;

	if (info->reserved)
		return -EINVAL;
	info->api_version = MSHAREARENA_API_VERSION;
	info->features = 0;
	info->page_sizes = msha_page_sizes();
	info->slot_size = MSHAREARENA_SLOT_SIZE;
	return 0;
}

static int msha_do_create(struct file *file, union msha_args *a,
			  void __user *uarg)
{
	struct msharearena_create __user *uc = uarg;
	struct msharearena_create *c = &a->create;
	struct msha_region *r;
	int ret = 0;

	if (c->reserved || (c->mode & ~0666) ||
	    !msha_name_ok(c->name, sizeof(c->name)))
		return -EINVAL;
	if (c->page_size != MSHAREARENA_PAGE_4K &&
	    c->page_size != MSHAREARENA_PAGE_2M &&
	    c->page_size != MSHAREARENA_PAGE_1G)
		return -EINVAL;
	if (!(msha_page_sizes() & c->page_size))
		return -EOPNOTSUPP;
	if (!c->length || c->length > MSHAREARENA_SLOT_SIZE ||
	    (c->length & (c->page_size - 1)))
		return -EINVAL;
	if (!msha_slot_valid(c->addr))
		return -EINVAL;
	r = msha_region_create(c);
	if (IS_ERR(r))
		return PTR_ERR(r);
	/* Nobody must be left with a region that he was told he hasn't got. */
	if (put_user((u64)r->base, &uc->addr)) {
		msha_region_remove(r);
		ret = -EFAULT;
	}
	msha_region_put(r);
	return ret;
}

static int msha_do_unlink(struct file *file, union msha_args *a,
			  void __user *uarg)
{
	if (!msha_name_ok(a->unlink.name, sizeof(a->unlink.name)))
		return -EINVAL;
	return msha_region_unlink(a->unlink.name);
}

static int msha_do_add_view(struct file *file, union msha_args *a,
			    void __user *uarg)
{
	const struct msharearena_view *c = &a->view;

	if ((c->mode & ~0666) || !msha_name_ok(c->name, sizeof(c->name)) ||
	    !msha_name_ok(c->view, sizeof(c->view)))
		return -EINVAL;
	return msha_region_add_view(c);
}

static int msha_do_region(struct file *file, union msha_args *a,
			  void __user *uarg)
{
	struct msha_view *v = file->private_data;
	struct msha_region *r = v->region;
	struct msharearena_region *out = &a->region;

	out->flags = (READ_ONCE(r->named) ? 0 : MSHAREARENA_REGION_UNLINKED) |
		     (v->writable ? 0 : MSHAREARENA_REGION_READONLY);
	out->addr = r->base;
	out->length = r->length;
	out->page_size = r->page_size;
	out->table_bytes = msha_region_table_bytes(r);
	spin_lock(&r->lock);
	out->exported = r->exported;
	out->attached = r->attached;
	out->demotions = r->demotions;
	out->promotions = r->promotions;
	spin_unlock(&r->lock);
	strscpy_pad(out->name, r->name, sizeof(out->name));
	strscpy_pad(out->view, v->name, sizeof(out->view));
	return 0;
}

static int msha_do_export(struct file *file, union msha_args *a,
			  void __user *uarg)
{
	struct msha_view *v = file->private_data;

	return msha_region_export(v->region, &a->export);
}

static int msha_do_publish(struct file *file, union msha_args *a,
			   void __user *uarg)
{
	struct msha_view *v = file->private_data;

	return msha_ring_publish(v->region, &a->publish);
}

static int msha_do_take(struct file *file, union msha_args *a,
			void __user *uarg)
{
	struct msharearena_take __user *ut = uarg;
	struct msha_view *v = file->private_data;

	if (a->take.reserved)
		return -EINVAL;
	return msha_ring_take(v->region, &a->take, &ut->ring_fd);
}

static int msha_do_quiesce(struct file *file, union msha_args *a,
			   void __user *uarg)
{
	struct msharearena_quiesce __user *uq = uarg;
	struct msha_view *v = file->private_data;
	int ret;

	if (a->quiesce.reserved)
		return -EINVAL;
	ret = msha_quiesce(v->region, &a->quiesce);
	if (ret && ret != -EAGAIN && ret != -ETIMEDOUT)
		return ret;
	if (put_user(a->quiesce.busy, &uq->busy) ||
	    put_user(a->quiesce.first_busy, &uq->first_busy))
		return -EFAULT;
	return ret;
}

#define MSHA_CMD(_nr, _member, _last, _need, _replies, _handler)	\
	{								\
		.cmd = MSHAREARENA_##_nr,				\
		.size = sizeof_field(union msha_args, _member),		\
		.min_size = offsetofend(union msha_args, _member._last),\
		.need = _need,						\
		.replies = _replies,					\
		.handler = _handler,					\
	}

static const struct msha_command msha_control_commands[] = {
	MSHA_CMD(GET_INFO, info, slot_size, MSHA_ANY, true, msha_do_info),
	MSHA_CMD(CREATE, create, name, MSHA_ANY, false, msha_do_create),
	MSHA_CMD(UNLINK, unlink, name, MSHA_ANY, false, msha_do_unlink),
	MSHA_CMD(ADD_VIEW, view, view, MSHA_ANY, false, msha_do_add_view),
};

static const struct msha_command msha_view_commands[] = {
	MSHA_CMD(GET_REGION, region, name, MSHA_ANY, true, msha_do_region),
	MSHA_CMD(EXPORT, export, offset, MSHA_RW, false, msha_do_export),
	MSHA_CMD(PUBLISH, publish, tag, MSHA_WRITABLE, false, msha_do_publish),
	MSHA_CMD(TAKE, take, reserved, MSHA_WRITABLE, false, msha_do_take),
	MSHA_CMD(QUIESCE, quiesce, first_busy, MSHA_ANY, false, msha_do_quiesce),
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
	/* Bounds the search for bits that are set but not known. */
	if (size > PAGE_SIZE)
		return -E2BIG;
	ret = copy_struct_from_user(&a, cmd->size, uarg, size);
	if (ret)
		return ret;
	/* The size may have been changed since it was read. */
	a.size = size;
	if (a.flags)
		return -EINVAL;
	ret = cmd->handler(file, &a, uarg);
	if (ret || !cmd->replies)
		return ret;
	if (copy_to_user(uarg, &a, min_t(size_t, size, cmd->size)))
		return -EFAULT;
	return 0;
}

static const struct msha_command *
msha_command_find(const struct msha_command *table, size_t n, unsigned int cmd)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (table[i].cmd == cmd)
			return &table[i];
	return NULL;
}

long msha_control_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct msha_command *c;

	c = msha_command_find(msha_control_commands,
			      ARRAY_SIZE(msha_control_commands), cmd);
	return c ? msha_call(c, file, (void __user *)arg) : -ENOTTY;
}

long msha_view_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	const struct msha_view *v = file->private_data;
	const struct msha_command *c;

	c = msha_command_find(msha_view_commands,
			      ARRAY_SIZE(msha_view_commands), cmd);
	if (!c)
		return -ENOTTY;
	if (c->need != MSHA_ANY &&
	    (!v->writable || !(file->f_mode & FMODE_WRITE)))
		return -EACCES;
	if (c->need == MSHA_RW && v != v->region->rw)
		return -EACCES;
	return msha_call(c, file, (void __user *)arg);
}
