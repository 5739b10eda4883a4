-- Distinct people: aggregate ids into an influence_reach_sketch, store it, merge it, read it

CREATE TYPE influence_reach_sketch;

CREATE FUNCTION influence_reach_sketch_in(input cstring) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_sketch_in(cstring) IS
	'Read a sketch from text: 1:id type:k:exact or sampled:number of hashes:hashes. Error 22P02 if it is not one.';

CREATE FUNCTION influence_reach_sketch_out(sketch influence_reach_sketch) RETURNS cstring
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_sketch_out(influence_reach_sketch) IS
	'Write a sketch as text: 1:id type:k:exact or sampled:number of hashes:hashes, ascending, 16 hexadecimal digits each. Reading it back gives the same sketch.';

CREATE FUNCTION influence_reach_sketch_recv(message internal) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_sketch_recv(internal) IS
	'Read a sketch from its binary form. Error 22P03 if it is not one.';

CREATE FUNCTION influence_reach_sketch_send(sketch influence_reach_sketch) RETURNS bytea
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_sketch_send(influence_reach_sketch) IS
	'Write a sketch in binary form, in network byte order: version, id type, sampled (1 byte each), k, number of hashes (4 bytes each), hashes ascending (8 bytes each).';

-- Hashes do not compress
CREATE TYPE influence_reach_sketch (
	INPUT = influence_reach_sketch_in,
	OUTPUT = influence_reach_sketch_out,
	RECEIVE = influence_reach_sketch_recv,
	SEND = influence_reach_sketch_send,
	INTERNALLENGTH = variable,
	ALIGNMENT = double,
	STORAGE = external
);
COMMENT ON TYPE influence_reach_sketch IS
	'Distinct people: exact up to k of them (8 bytes each), then the k smallest hashes (Beyer et al., SIGMOD 2007), which estimate the number with a relative standard error of 1/sqrt(k - 2)';

-- Transition functions

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor bigint) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, bigint) IS
	'Add a person to a sketch; a null sketch becomes a new one with k = 1024, a null actor is skipped. Error 22023 if the sketch holds ids of another type.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor uuid) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_uuid' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, uuid) IS
	'Add a person to a sketch; a null sketch becomes a new one with k = 1024, a null actor is skipped. Error 22023 if the sketch holds ids of another type.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor text) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, text) IS
	'Add a person to a sketch, equal bytes being the same person; a null sketch becomes a new one with k = 1024, a null actor is skipped. Error 22023 if the sketch holds ids of another type.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor bigint, k int) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_bigint' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, bigint, int) IS
	'Add a person to a sketch, lowering its k to the one given; a null sketch becomes a new one, a null actor is skipped. Errors: 22023 if k is not in 16..65536 or the sketch holds ids of another type, 22004 if k is null.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor uuid, k int) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_uuid' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, uuid, int) IS
	'Add a person to a sketch, lowering its k to the one given; a null sketch becomes a new one, a null actor is skipped. Errors: 22023 if k is not in 16..65536 or the sketch holds ids of another type, 22004 if k is null.';

CREATE FUNCTION influence_reach_add(sketch influence_reach_sketch, actor text, k int) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME', 'influence_reach_add_text' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_add(influence_reach_sketch, text, int) IS
	'Add a person to a sketch, equal bytes being the same person, lowering its k to the one given; a null sketch becomes a new one, a null actor is skipped. Errors: 22023 if k is not in 16..65536 or the sketch holds ids of another type, 22004 if k is null.';

CREATE FUNCTION influence_reach_combine(a influence_reach_sketch, b influence_reach_sketch) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_combine(influence_reach_sketch, influence_reach_sketch) IS
	'The union of two sketches, with the smaller k of both; a null is no sketch. Error 22023 if they hold ids of different types.';

CREATE FUNCTION influence_reach_final(sketch influence_reach_sketch) RETURNS influence_reach_sketch
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_final(influence_reach_sketch) IS
	'The sketch without the spare room of a running aggregate';

CREATE FUNCTION influence_reach_final_count(sketch influence_reach_sketch) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_final_count(influence_reach_sketch) IS
	'Number of distinct people of a running aggregate, 0 without any';

-- Aggregates. A group is planned for with 8 kB, a full sketch: groups beyond work_mem
-- are then sorted or hashed in batches from the start, not when memory has run out.

CREATE AGGREGATE influence_reach_agg(actor bigint) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(bigint) IS
	'Sketch of the distinct actors, k = 1024: exact up to 1,024 people, 3.1 % standard error beyond. Nulls are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor uuid) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(uuid) IS
	'Sketch of the distinct actors, k = 1024: exact up to 1,024 people, 3.1 % standard error beyond. Nulls are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor text) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(text) IS
	'Sketch of the distinct actors, k = 1024: exact up to 1,024 people, 3.1 % standard error beyond. Equal bytes are the same person, whatever the collation. Nulls are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor bigint, k int) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(bigint, int) IS
	'Sketch of the distinct actors: exact up to k people (16 to 65536, else error 22023), a standard error of 1/sqrt(k - 2) beyond. If k varies, the smallest holds. Null actors are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor uuid, k int) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(uuid, int) IS
	'Sketch of the distinct actors: exact up to k people (16 to 65536, else error 22023), a standard error of 1/sqrt(k - 2) beyond. If k varies, the smallest holds. Null actors are skipped; null without any actor.';

CREATE AGGREGATE influence_reach_agg(actor text, k int) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach_agg(text, int) IS
	'Sketch of the distinct actors: exact up to k people (16 to 65536, else error 22023), a standard error of 1/sqrt(k - 2) beyond. Equal bytes are the same person, whatever the collation. If k varies, the smallest holds. Null actors are skipped; null without any actor.';

CREATE AGGREGATE influence_rollup(sketch influence_reach_sketch) (
	SFUNC = influence_reach_combine,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_rollup(influence_reach_sketch) IS
	'The union of sketches, each person once, with the smallest k of all. Nulls are skipped; null without any sketch. Error 22023 if they hold ids of different types.';

CREATE AGGREGATE influence_reach(actor bigint) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final_count,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach(bigint) IS
	'Number of distinct actors, like count(DISTINCT actor): exact up to 1,024 people, 3.1 % standard error beyond. Nulls are skipped; 0 without any actor.';

CREATE AGGREGATE influence_reach(actor uuid) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final_count,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach(uuid) IS
	'Number of distinct actors, like count(DISTINCT actor): exact up to 1,024 people, 3.1 % standard error beyond. Nulls are skipped; 0 without any actor.';

CREATE AGGREGATE influence_reach(actor text) (
	SFUNC = influence_reach_add,
	STYPE = influence_reach_sketch,
	SSPACE = 8192,
	FINALFUNC = influence_reach_final_count,
	COMBINEFUNC = influence_reach_combine,
	PARALLEL = SAFE
);
COMMENT ON AGGREGATE influence_reach(text) IS
	'Number of distinct actors, like count(DISTINCT actor): exact up to 1,024 people, 3.1 % standard error beyond. Equal bytes are the same person, whatever the collation. Nulls are skipped; 0 without any actor.';

-- Accessors

CREATE FUNCTION influence_reach_count(sketch influence_reach_sketch) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_count(influence_reach_sketch) IS
	'Number of distinct people: exact up to k, then the estimate (k - 1)/theta, rounded; theta is the k-th smallest hash on a scale of 0 to 1 (Bar-Yossef et al., RANDOM 2002; Beyer et al., SIGMOD 2007)';

CREATE FUNCTION influence_reach_error(sketch influence_reach_sketch) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_error(influence_reach_sketch) IS
	'Relative standard error of influence_reach_count: 0 while exact, then 1/sqrt(k - 2); 0.031 for k = 1024';

CREATE FUNCTION influence_reach_overlap(a influence_reach_sketch, b influence_reach_sketch) RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_overlap(influence_reach_sketch, influence_reach_sketch) IS
	'Jaccard overlap of two audiences, people in both over people in either, 0 to 1: exact while both sketches are, then estimated from the hashes below the smaller theta (Dasgupta et al., ICDT 2016). Null if both are empty. Error 22023 if they hold ids of different types.';

CREATE FUNCTION influence_reach_intersection(a influence_reach_sketch, b influence_reach_sketch) RETURNS bigint
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_reach_intersection(influence_reach_sketch, influence_reach_sketch) IS
	'Number of people in both sketches: exact while both are, then estimated from the hashes below the smaller theta (Dasgupta et al., ICDT 2016). Error 22023 if they hold ids of different types.';
