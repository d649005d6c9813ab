// SPDX-License-Identifier: MIT
#include "module.h"

#include <common/log.h>
#include <errno.h>
#include <libkmod.h>
#include <string.h>
#include <sys/utsname.h>

#define MODULE	"msharearena"

/* The reasons for which libkmod and the kernel return these errors, and how to remove them. */
static const struct { int err; const char *means; } meanings[] = {
	{ EPERM, "only root may load modules, and only where that is not forbidden "
		 "(kernel.modules_disabled, a container, lockdown)" },
	{ ENOKEY, "this kernel loads signed modules only, and this one is not signed with a key "
		  "that it trusts: enrol the key with mokutil" },
	{ EKEYREJECTED, "this kernel loads signed modules only, and this one is not signed, or not "
			"with a key that it trusts: enrol the key with mokutil" },
	{ EBADMSG, "its signature is damaged: build and install it again" },
	{ ENOEXEC, "it was built for another kernel: build and install it again" },
	{ EINVAL, "a parameter in modprobe.d has a value that it does not take" },
	{ ENOENT, "the module, or one that it depends on, lacks a file or a symbol of this kernel: "
		  "build and install it again, and run depmod" },
	{ ENODEV, "this machine or kernel cannot do what it needs" },
};

static const char *meaning(int err)
{
	for (unsigned int i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].err == err)
			return meanings[i].means;
	return strerror(err);
}

static int log_missing(void)
{
	struct utsname kernel = { .release = "?" };

	uname(&kernel);
	log_error("there is no module " MODULE " for this kernel, Linux %s; install the package "
		  "msharearena-dkms and the headers of this kernel, or see docs/install.md",
		  kernel.release);
	return -ENOENT;
}

static int insert(struct kmod_module *module)
{
	const char *options = kmod_module_get_options(module);
	int ret = kmod_module_probe_insert_module(module, KMOD_PROBE_APPLY_BLACKLIST, NULL, NULL,
						  NULL, NULL);

	if (!ret)
		return 0;
	if (ret > 0) {
		log_error("cannot load module " MODULE ": a file in modprobe.d forbids it "
			  "(blacklist); remove it there, or load the module by modprobe");
		return -EACCES;
	}
	log_error("cannot load module " MODULE "%s%s: %s; the kernel's log may say more",
		  options ? " with " : "", options ? options : "", meaning(-ret));
	return ret;
}

static int find_and_insert(struct kmod_ctx *context)
{
	struct kmod_list *found = NULL;
	struct kmod_module *module;
	int ret = kmod_module_new_from_lookup(context, MODULE, &found);

	/* So it is if nobody has run depmod for this kernel. */
	if (ret == -ENOENT || ret == -ENOSYS)
		return log_missing();
	if (ret < 0) {
		log_error("cannot look for module " MODULE ": %s", log_reason(-ret));
		return ret;
	}
	if (!found)
		return log_missing();
	module = kmod_module_get_module(found);
	ret = insert(module);
	kmod_module_unref(module);
	kmod_module_unref_list(found);
	return ret;
}

int module_load(void)
{
	struct kmod_ctx *context = kmod_new(NULL, NULL);
	int ret;

	if (!context) {
		log_error("there is no memory to load a module; free memory, and start arenad "
			  "again");
		return -ENOMEM;
	}
	/* libkmod prints nothing: the errors are logged here, in whole sentences. */
	kmod_set_log_priority(context, 0);
	ret = find_and_insert(context);
	kmod_unref(context);
	return ret;
}
