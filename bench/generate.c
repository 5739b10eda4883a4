/*
 * Invent interactions: generate ROWS > file, in COPY's binary format.
 *
 * Who acts on whom follows the R-MAT model (Chakrabarti, Zhan, Faloutsos:
 * "R-MAT: A Recursive Model for Graph Mining", SDM 2004) with the parameters of
 * the Graph500 benchmark, so that both activity and attention have a power law.
 * Time runs with the rows, as in a table that an application appends to.
 * Everything depends on the row's number only: same ROWS, same bytes.
 */
#include <arpa/inet.h>
#include <endian.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One id for so many interactions; about half of the ids ever turn up. */
#define ROWS_PER_ID	9

/* Quadrants of R-MAT in 1/65536: a, a + b, a + b + c */
#define QUADRANT_A	37356
#define QUADRANT_B	49808
#define QUADRANT_C	62260

#define SEED		20260101
#define USECS_PER_DAY INT64_C(86400000000)
#define DAYS		90
/* 2026-01-01 00:00 UTC, in microseconds since 2000-01-01 */
#define END_TIME	(INT64_C(9497) * USECS_PER_DAY)

typedef struct Random
{
	uint64_t	state;
} Random;

/* Kinds, each with its name on both networks and its part of all rows in 1/1000 */
typedef struct Kind
{
	const char *app;
	const char *twitter;
	unsigned	upto;
	bool		of_post;
} Kind;

static const Kind kinds[] = {
	{"like", "favorite", 500, true},
	{"comment", "reply", 650, true},
	{"share", "retweet", 750, true},
	{"mention", "mention", 830, false},
	{"follow", "follow", 945, false},
	{"block", "mention", 950, false},
	{"post", "post", 1000, true}
};

/*
 * Next 64 random bits (splitmix64: Steele, Lea, Flood, OOPSLA 2014)
 */
static uint64_t
next(Random *random)
{
	uint64_t	z = (random->state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/*
 * Draw an edge of R-MAT with 2^levels nodes
 */
static void
draw_edge(Random *random, int levels, uint64_t *source, uint64_t *target)
{
	uint64_t	bits = 0;

	*source = *target = 0;
	for (int i = 0; i < levels; i++)
	{
		unsigned	chunk;

		if (i % 4 == 0)
			bits = next(random);
		chunk = bits & 0xffff;
		bits >>= 16;
		*source = *source << 1 | (chunk >= QUADRANT_B);
		*target = *target << 1 | ((chunk >= QUADRANT_A && chunk < QUADRANT_B) || chunk >= QUADRANT_C);
	}
}

static void
put_int16(int16_t value)
{
	uint16_t	raw = htons((uint16_t) value);

	fwrite(&raw, sizeof(raw), 1, stdout);
}

static void
put_int32(int32_t value)
{
	uint32_t	raw = htonl((uint32_t) value);

	fwrite(&raw, sizeof(raw), 1, stdout);
}

/*
 * A field of 8 bytes: bigint, timestamptz, or the bits of a float8
 */
static void
put_int64(int64_t value)
{
	uint64_t	raw = htobe64((uint64_t) value);

	put_int32(sizeof(raw));
	fwrite(&raw, sizeof(raw), 1, stdout);
}

static void
put_text(const char *value)
{
	put_int32((int32_t) strlen(value));
	fputs(value, stdout);
}

static void
put_null(void)
{
	put_int32(-1);
}

/*
 * Weight of a row: mostly none, sometimes 1, seldom something else
 */
static void
put_weight(uint64_t chance)
{
	double		weight = chance % 1000 < 10 ? 0.5 + (chance >> 32) / 4294967296.0 : 1.0;
	int64_t		bits;

	memcpy(&bits, &weight, sizeof(bits));
	if (chance % 1000 < 100)
		put_int64(bits);
	else
		put_null();
}

/*
 * One row: actor, target, kind, network, happened_at, post_id, weight
 *
 * posts counts the posts of each person so far. Post n of person u is u * 2^20 + n.
 */
static void
put_row(uint64_t row, uint64_t rows, uint64_t people, int levels, uint32_t *posts)
{
	Random		random = {SEED + row * UINT64_C(0x2545f4914f6cdd1d)};
	uint64_t	source;
	uint64_t	target;
	uint64_t	chance = next(&random);
	bool		twitter = (chance >> 32) % 5 == 0;
	const Kind *kind = kinds;
	double		passed = (row + (double) (chance >> 40) / (1 << 24)) / rows;

	while (chance % 1000 >= kind->upto)
		kind++;
	do
		draw_edge(&random, levels, &source, &target);
	while (source >= people || target >= people);

	/* Spread the hubs over the ids; the factor is a prime above any number of people. */
	source = source * UINT64_C(2147483647) % people;
	target = target * UINT64_C(2147483647) % people;
	if (strcmp(kind->app, "post") == 0)
	{
		source = target;
		posts[target]++;
	}

	put_int16(7);
	put_int64((int64_t) source + 1);
	put_int64((int64_t) target + 1);
	put_text(twitter ? kind->twitter : kind->app);
	put_text(twitter ? "twitter" : "app");
	put_int64(END_TIME - (int64_t) ((1 - passed) * DAYS * USECS_PER_DAY));
	if (kind->of_post)
		put_int64((int64_t) ((target + 1) << 20 |
							 (source == target ? posts[target] : next(&random) % (posts[target] + 1))));
	else
		put_null();
	put_weight(next(&random));
}

int
main(int argc, char **argv)
{
	uint64_t	rows = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t	people = rows / ROWS_PER_ID;
	int			levels = 0;
	uint32_t   *posts = calloc(people + 1, sizeof(*posts));

	if (people == 0 || people >= 2147483647 || posts == NULL)
	{
		fprintf(stderr, "usage: %s ROWS, %d or more\n", argv[0], ROWS_PER_ID);
		return 1;
	}
	while (UINT64_C(1) << levels < people)
		levels++;

	fwrite("PGCOPY\n\377\r\n\0", 11, 1, stdout);
	put_int32(0);
	put_int32(0);
	for (uint64_t row = 0; row < rows; row++)
		put_row(row, rows, people, levels, posts);
	put_int16(-1);
	free(posts);
	return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
