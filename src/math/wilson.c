/*
 * Lower bound of a proportion.
 */
#include "math/wilson.h"

#include <math.h>

/*
 * Lower end of the Wilson score interval
 *
 * E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical
 * Inference", JASA 22 (1927). successes of trials (0 <= successes <= trials),
 * z >= 0 standard deviations wide; 0 without trials.
 *
 * The bound is the smaller root of (1 + z^2/n) x^2 - (2 p + z^2/n) x + p^2 = 0.
 * It is computed from the larger one, as the difference in the textbook formula
 * loses its digits for a small p.
 */
double
wilson_lower(double successes, double trials, double z)
{
	double		p;
	double		noise;			/* z^2 / n */
	double		radius;

	if (successes <= 0.0 || trials <= 0.0)
		return 0.0;
	p = successes / trials;
	/* so few of so many that it is no number any more */
	if (p == 0.0)
		return 0.0;
	noise = z * z / trials;
	radius = sqrt(noise * (p * (1.0 - p) + 0.25 * noise));
	return p * p / (p + 0.5 * noise + radius);
}
