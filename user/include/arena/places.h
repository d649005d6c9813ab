/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Places of calls, for misuse reports.
 *
 * A debug build of the library remembers what happened to each buffer and, when a call
 * misuses one, writes a misuse report and ends the process. A program that is compiled
 * with ARENA_DEBUG passes the place of each call along, so that the report has file and
 * line. Without ARENA_DEBUG this header defines nothing but arena_set_place(), and calls
 * are plain functions. Programs of both kinds work with both builds of the library, in
 * which all structures are the same.
 *
 * Include arena.h or ring.h, not this. It must follow their declarations.
 */
#ifndef ARENA_PLACES_H
#define ARENA_PLACES_H

#pragma GCC visibility push(default)
#ifdef __cplusplus
extern "C" {
#endif

/**
 * arena_set_place() - set the place of this thread's next calls, for misuse reports
 * @place: a string constant, "file.c:12", or NULL
 *
 * The release build of the library ignores it.
 */
void arena_set_place(const char *place);

#if defined(ARENA_DEBUG) && !defined(ARENA_LIBRARY)

#define ARENA_STRINGIFY_(x)	#x
#define ARENA_STRINGIFY(x)	ARENA_STRINGIFY_(x)
#define ARENA_PLACE		(__FILE__ ":" ARENA_STRINGIFY(__LINE__))

static inline int arena_get_at(const char *place, struct arena *a, uint32_t group,
			       uint32_t count, struct arena_buf *out)
{
	int result;

	arena_set_place(place);
	result = arena_get(a, group, count, out);
	arena_set_place((const char *)0);
	return result;
}

static inline int arena_get_for_at(const char *place, struct arena *a, uint32_t use,
				   uint32_t count, struct arena_buf *out)
{
	int result;

	arena_set_place(place);
	result = arena_get_for(a, use, count, out);
	arena_set_place((const char *)0);
	return result;
}

static inline int arena_put_at(const char *place, struct arena *a, struct arena_buf b)
{
	int result;

	arena_set_place(place);
	result = arena_put(a, b);
	arena_set_place((const char *)0);
	return result;
}

static inline void *arena_ptr_at(const char *place, struct arena *a, struct arena_buf b)
{
	void *result;

	arena_set_place(place);
	result = arena_ptr(a, b);
	arena_set_place((const char *)0);
	return result;
}

static inline const void *arena_ptr_const_at(const char *place, struct arena *a,
					     struct arena_buf b)
{
	const void *result;

	arena_set_place(place);
	result = arena_ptr_const(a, b);
	arena_set_place((const char *)0);
	return result;
}

static inline int arena_io_begin_at(const char *place, struct arena *a, struct arena_buf b,
				    bool writes)
{
	int result;

	arena_set_place(place);
	result = arena_io_begin(a, b, writes);
	arena_set_place((const char *)0);
	return result;
}

static inline int arena_io_end_at(const char *place, struct arena *a, struct arena_buf b)
{
	int result;

	arena_set_place(place);
	result = arena_io_end(a, b);
	arena_set_place((const char *)0);
	return result;
}

static inline int arena_lend_at(const char *place, struct arena *a, struct arena_buf b,
				uint32_t peer, struct arena_ref *ref)
{
	int result;

	arena_set_place(place);
	result = arena_lend(a, b, peer, ref);
	arena_set_place((const char *)0);
	return result;
}

static inline int arena_unlend_at(const char *place, struct arena *a, struct arena_buf b)
{
	int result;

	arena_set_place(place);
	result = arena_unlend(a, b);
	arena_set_place((const char *)0);
	return result;
}

static inline int arena_return_at(const char *place, struct arena *a, struct arena_buf b,
				  struct arena_ref *ref)
{
	int result;

	arena_set_place(place);
	result = arena_return(a, b, ref);
	arena_set_place((const char *)0);
	return result;
}

static inline int arena_reset_group_at(const char *place, struct arena *a, uint32_t group)
{
	int result;

	arena_set_place(place);
	result = arena_reset_group(a, group);
	arena_set_place((const char *)0);
	return result;
}

/* Each call also passes its place. */
#define arena_get(...)		arena_get_at(ARENA_PLACE, __VA_ARGS__)
#define arena_get_for(...)	arena_get_for_at(ARENA_PLACE, __VA_ARGS__)
#define arena_put(...)		arena_put_at(ARENA_PLACE, __VA_ARGS__)
#define arena_ptr(...)		arena_ptr_at(ARENA_PLACE, __VA_ARGS__)
#define arena_ptr_const(...)	arena_ptr_const_at(ARENA_PLACE, __VA_ARGS__)
#define arena_io_begin(...)	arena_io_begin_at(ARENA_PLACE, __VA_ARGS__)
#define arena_io_end(...)	arena_io_end_at(ARENA_PLACE, __VA_ARGS__)
#define arena_lend(...)		arena_lend_at(ARENA_PLACE, __VA_ARGS__)
#define arena_unlend(...)	arena_unlend_at(ARENA_PLACE, __VA_ARGS__)
#define arena_return(...)	arena_return_at(ARENA_PLACE, __VA_ARGS__)
#define arena_reset_group(...)	arena_reset_group_at(ARENA_PLACE, __VA_ARGS__)

#endif /* ARENA_DEBUG */

#ifdef __cplusplus
}
#endif
#pragma GCC visibility pop
#endif /* ARENA_PLACES_H */
