-- Amplification: how likely a post is to be shared.

CREATE FUNCTION influence_amplification(shares float8, posts float8, prior_shares float8 DEFAULT 0.5, prior_posts float8 DEFAULT 5)
	RETURNS float8
	AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION influence_amplification(float8, float8, float8, float8) IS
	'Probability, 0 to 1, that a post is shared at least once: 1 - exp(-(shares + prior_shares) / (posts + prior_posts)), all counts. The prior keeps a lucky first post from counting as a habit: gamma-Poisson shrinkage (Clayton and Kaldor, Biometrics 1987). Without posts and prior_posts it is 1 if there are shares, else 0. Error 22023 if an argument is negative, infinite or NaN.';
