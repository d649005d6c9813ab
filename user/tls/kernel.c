// SPDX-License-Identifier: MIT
#include "kernel.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#ifndef SOL_TLS
#define SOL_TLS	282
#endif

#define SEQUENCE_BYTES	8

/* What setsockopt(2) takes; each begins with the version and the cipher. */
union keys {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 gcm128;
	struct tls12_crypto_info_aes_gcm_256 gcm256;
	struct tls12_crypto_info_chacha20_poly1305 chacha;
};

/**
 * struct state - one direction of a session
 * @is_13: it speaks TLS 1.3
 * @iv: the initial vector, or the fixed part of it in TLS 1.2
 * @key: the key
 * @sequence: number of the next record
 */
struct state {
	bool is_13;
	gnutls_datum_t iv;
	gnutls_datum_t key;
	unsigned char sequence[SEQUENCE_BYTES];
};

/*
 * Nonces of AES-GCM: in TLS 1.3 the vector has them whole. In TLS 1.2 they are its four bytes and
 * eight that each record carries, for which GnuTLS, too, takes the number of the record: so the
 * kernel goes on with numbers that were not used before.
 */
static int fill_gcm(const struct state *s, unsigned char *salt, unsigned char *iv,
		    unsigned char *key, size_t key_size)
{
	const size_t salt_size = TLS_CIPHER_AES_GCM_128_SALT_SIZE;
	const size_t iv_size = TLS_CIPHER_AES_GCM_128_IV_SIZE;

	if (s->key.size != key_size || s->iv.size < salt_size + (s->is_13 ? iv_size : 0))
		return -EOPNOTSUPP;
	memcpy(salt, s->iv.data, salt_size);
	memcpy(iv, s->is_13 ? s->iv.data + salt_size : s->sequence, iv_size);
	memcpy(key, s->key.data, key_size);
	return 0;
}

static int fill_chacha(const struct state *s, union keys *k)
{
	if (s->key.size != sizeof(k->chacha.key) || s->iv.size != sizeof(k->chacha.iv))
		return -EOPNOTSUPP;
	memcpy(k->chacha.iv, s->iv.data, sizeof(k->chacha.iv));
	memcpy(k->chacha.key, s->key.data, sizeof(k->chacha.key));
	memcpy(k->chacha.rec_seq, s->sequence, SEQUENCE_BYTES);
	return 0;
}

/* Return: bytes that are used of @k, or -EOPNOTSUPP. */
static int fill(gnutls_cipher_algorithm_t cipher, const struct state *s, union keys *k)
{
	int ret;

	memset(k, 0, sizeof(*k));
	k->info.version = s->is_13 ? TLS_1_3_VERSION : TLS_1_2_VERSION;
	switch (cipher) {
	case GNUTLS_CIPHER_AES_128_GCM:
		k->info.cipher_type = TLS_CIPHER_AES_GCM_128;
		memcpy(k->gcm128.rec_seq, s->sequence, SEQUENCE_BYTES);
		ret = fill_gcm(s, k->gcm128.salt, k->gcm128.iv, k->gcm128.key,
			       sizeof(k->gcm128.key));
		return ret ? ret : (int)sizeof(k->gcm128);
	case GNUTLS_CIPHER_AES_256_GCM:
		k->info.cipher_type = TLS_CIPHER_AES_GCM_256;
		memcpy(k->gcm256.rec_seq, s->sequence, SEQUENCE_BYTES);
		ret = fill_gcm(s, k->gcm256.salt, k->gcm256.iv, k->gcm256.key,
			       sizeof(k->gcm256.key));
		return ret ? ret : (int)sizeof(k->gcm256);
	case GNUTLS_CIPHER_CHACHA20_POLY1305:
		k->info.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
		ret = fill_chacha(s, k);
		return ret ? ret : (int)sizeof(k->chacha);
	default:
		return -EOPNOTSUPP;
	}
}

/* The keys are wiped on the way out; GnuTLS and the kernel keep theirs. */
static int give(gnutls_session_t session, int fd, int direction)
{
	struct state s = { .is_13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3 };
	union keys k;
	int ret = gnutls_record_get_state(session, direction == TLS_RX, NULL, &s.iv, &s.key,
					  s.sequence);

	if (ret)
		return -EOPNOTSUPP;
	ret = fill(gnutls_cipher_get(session), &s, &k);
	if (ret > 0)
		ret = setsockopt(fd, SOL_TLS, direction, &k, (socklen_t)ret) ? -EOPNOTSUPP : 0;
	gnutls_memset(&k, 0, sizeof(k));
	return ret;
}

/* The kernel sends the message in place of GnuTLS, whose own one is dropped. */
static int say_nothing(gnutls_session_t session, gnutls_record_encryption_level_t level,
		       gnutls_handshake_description_t type, const void *data, size_t size)
{
	(void)session;
	(void)level;
	(void)type;
	(void)data;
	(void)size;
	return 0;
}

int tls_kernel_start(gnutls_session_t session, int fd)
{
	int ret;

	if (gnutls_record_check_pending(session) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")))
		return -EOPNOTSUPP;
	/* Until it has a key, a socket of kind "tls" is as it was. */
	ret = give(session, fd, TLS_TX);
	if (!ret && give(session, fd, TLS_RX))
		ret = -EIO;
	if (!ret)
		gnutls_handshake_set_read_function(session, say_nothing);
	return ret;
}

unsigned int tls_kernel_look(int fd)
{
	struct tls_crypto_info rx = { 0 }, tx = { 0 };
	socklen_t rx_size = sizeof(rx), tx_size = sizeof(tx);
	unsigned int what = TLS_KERNEL_KEYS;

	if (getsockopt(fd, SOL_TLS, TLS_RX, &rx, &rx_size) ||
	    getsockopt(fd, SOL_TLS, TLS_TX, &tx, &tx_size) || !rx.cipher_type || !tx.cipher_type)
		return 0;
	if (tx.version == TLS_1_3_VERSION)
		what |= TLS_KERNEL_KEYS_OF_13;
	if (tx.cipher_type == TLS_CIPHER_CHACHA20_POLY1305)
		what |= TLS_KERNEL_KEYS_FOR_EVER;
	return what;
}

/* Room for the type of a record. */
union passage {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(sizeof(uint8_t))];
};

ssize_t tls_kernel_recv(int fd, void *data, size_t size, uint8_t *type)
{
	struct iovec part = { .iov_base = data, .iov_len = size };
	union passage p = { .bytes = { 0 } };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = p.bytes,
			    .msg_controllen = sizeof(p.bytes) };
	ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT);
	const struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&h);

	*type = TLS_RECORD_DATA;
	if (c && c->cmsg_level == SOL_TLS && c->cmsg_type == TLS_GET_RECORD_TYPE)
		*type = *CMSG_DATA(c);
	return n < 0 ? -errno : n;
}

/* Return: 0 or -errno, -EAGAIN if the socket takes nothing now. */
static int send_record(int fd, enum tls_record type, const void *data, size_t size)
{
	struct iovec part = { .iov_base = (void *)data, .iov_len = size };
	union passage p = { .bytes = { 0 } };
	struct msghdr h = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = p.bytes,
			    .msg_controllen = sizeof(p.bytes) };
	ssize_t n;

	p.head.cmsg_level = SOL_TLS;
	p.head.cmsg_type = TLS_SET_RECORD_TYPE;
	p.head.cmsg_len = CMSG_LEN(sizeof(uint8_t));
	*CMSG_DATA(&p.head) = (uint8_t)type;
	n = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EIO;
}

void tls_kernel_alert(int fd, gnutls_alert_level_t level, gnutls_alert_description_t what)
{
	const uint8_t alert[2] = { (uint8_t)level, (uint8_t)what };

	/* The client may be gone, which is as well. */
	(void)send_record(fd, TLS_RECORD_ALERT, alert, sizeof(alert));
}

/*
 * Changes of keys
 */

/* The message: its type, the length of the rest in three bytes, and whether it asks for another. */
static const uint8_t key_update[TLS_KEY_UPDATE_BYTES] = { GNUTLS_HANDSHAKE_KEY_UPDATE, 0, 0, 1, 0 };

bool tls_kernel_is_update(uint8_t type, const uint8_t *data, size_t size)
{
	return type == TLS_RECORD_HANDSHAKE && size == sizeof(key_update) &&
	       !memcmp(data, key_update, sizeof(key_update) - 1) &&
	       data[sizeof(key_update) - 1] <= 1;
}

int tls_kernel_take_update(gnutls_session_t session, int fd,
			   const uint8_t message[TLS_KEY_UPDATE_BYTES])
{
	int ret = gnutls_handshake_write(session, GNUTLS_ENCRYPTION_LEVEL_APPLICATION, message,
					 TLS_KEY_UPDATE_BYTES);

	if (!ret && give(session, fd, TLS_RX))
		ret = GNUTLS_E_INTERNAL_ERROR;
	return ret;
}

int tls_kernel_change(gnutls_session_t session, int fd)
{
	int ret = send_record(fd, TLS_RECORD_HANDSHAKE, key_update, sizeof(key_update));

	if (ret)
		return ret == -EAGAIN ? GNUTLS_E_AGAIN : GNUTLS_E_PUSH_ERROR;
	ret = gnutls_session_key_update(session, 0);
	/* The caller must not try again, because the client was told. */
	if (ret == GNUTLS_E_AGAIN || (!ret && give(session, fd, TLS_TX)))
		ret = GNUTLS_E_INTERNAL_ERROR;
	return ret;
}

/* Give a key of zeroes to a socket, and then the same again. */
static enum tls_kernel try_keys(int fd)
{
	const struct tls12_crypto_info_aes_gcm_128 k = {
		.info.version = TLS_1_3_VERSION,
		.info.cipher_type = TLS_CIPHER_AES_GCM_128,
	};

	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof("tls")) ||
	    setsockopt(fd, SOL_TLS, TLS_TX, &k, sizeof(k)))
		return TLS_KERNEL_NONE;
	return setsockopt(fd, SOL_TLS, TLS_TX, &k, sizeof(k)) ? TLS_KERNEL_FIXED :
	       TLS_KERNEL_CHANGES;
}

/* Only a socket that is connected can be tried. */
static enum tls_kernel try_pair(int listener, int fd)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	const struct timeval patience = { .tv_sec = 1 };
	socklen_t size = sizeof(at);

	/* A packet filter may drop it. */
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (const struct sockaddr *)&at, sizeof(at)) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&at, &size) ||
	    connect(fd, (const struct sockaddr *)&at, sizeof(at)))
		return TLS_KERNEL_NONE;
	return try_keys(fd);
}

enum tls_kernel tls_kernel_ask(void)
{
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	enum tls_kernel what = listener < 0 || fd < 0 ? TLS_KERNEL_NONE : try_pair(listener, fd);

	if (listener >= 0)
		close(listener);
	if (fd >= 0)
		close(fd);
	return what;
}
