// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <common/log.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "measures.h"

/* The kernel numbers capabilities by bits of a 64-bit mask. */
#define CAPABILITIES_MAX	64UL

/* User 0 is as any other, no capability comes by exec or by a change of the user. */
#define SECURE	(SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP |	\
		 SECBIT_NO_SETUID_FIXUP_LOCKED | SECBIT_KEEP_CAPS_LOCKED |		\
		 SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED)

int sandbox_drop_bounding(void)
{
	for (unsigned long cap = 0; cap < CAPABILITIES_MAX; cap++) {
		if (!prctl(PR_CAPBSET_DROP, cap, 0, 0, 0))
			continue;
		/* There are no more. */
		if (errno == EINVAL)
			break;
		return -errno;
	}
	return 0;
}

/* What takes a capability to drop is of no use to a process that has none and can gain none. */
static int drop_future(const struct sandbox_profile *p)
{
	int ret = sandbox_drop_bounding();

	if (ret == -EPERM) {
		log_debug("sandbox: the bounding set and the securebits stay as they are, and are "
			  "of no use");
		return 0;
	}
	ret = sandbox_result(p, "an empty bounding set", 0, ret);
	if (!ret)
		ret = sandbox_result(p, "securebits", 0,
				     prctl(PR_SET_SECUREBITS, SECURE, 0, 0, 0) ? -errno : 0);
	return ret;
}

/* The kernel has the sets in words of 32 bits. */
struct sets {
	struct __user_cap_data_struct word[_LINUX_CAPABILITY_U32S_3];
};

#define WORD(capability)	((capability) / 32 % _LINUX_CAPABILITY_U32S_3)
#define BIT(capability)		(1U << (capability) % 32)

static int get_sets(struct sets *s)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capget, &header, s->word) ? -errno : 0;
}

static int set_sets(const struct sets *s)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	return syscall(SYS_capset, &header, s->word) ? -errno : 0;
}

bool sandbox_has_capability(unsigned int capability)
{
	struct sets s;

	return !get_sets(&s) && s.word[WORD(capability)].effective & BIT(capability);
}

int sandbox_drop_capability(unsigned int capability)
{
	struct sets s;
	int ret = get_sets(&s);

	if (ret)
		return ret;
	s.word[WORD(capability)].effective &= ~BIT(capability);
	s.word[WORD(capability)].permitted &= ~BIT(capability);
	s.word[WORD(capability)].inheritable &= ~BIT(capability);
	return set_sets(&s);
}

/* One that is kept and that the process never had is refused. */
static int drop_capabilities(uint64_t kept)
{
	struct sets s;

	memset(&s, 0, sizeof(s));
	for (unsigned int cap = 0; cap < CAPABILITIES_MAX; cap++)
		if (kept >> cap & 1) {
			s.word[WORD(cap)].effective |= BIT(cap);
			s.word[WORD(cap)].permitted |= BIT(cap);
		}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0))
		return -errno;
	return set_sets(&s);
}

int sandbox_privileges(const struct sandbox_profile *p)
{
	int ret = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;

	ret = sandbox_result(p, "no_new_privs", 0, ret);
	if (!ret)
		ret = drop_future(p);
	if (!ret)
		ret = sandbox_result(p, p->capabilities ? "no more capabilities" : "no capability",
				     0, drop_capabilities(p->capabilities));
	return ret;
}
