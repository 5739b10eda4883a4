/*
 * The standard normal distribution.
 *
 * The quantile is M. J. Wichura, "Algorithm AS 241: The Percentage Points of
 * the Normal Distribution", Applied Statistics 37 (1988), routine PPND16: three
 * rational approximations of degree 7/7, relative error about 1e-16.
 */
#include "math/normal.h"

#include <math.h>

/* |p - 1/2| up to which the central approximation holds */
#define CENTRAL_HALF_WIDTH	0.425
/* sqrt(-ln p) that separates the tail from the far tail */
#define FAR_TAIL_START		5.0

#define COEFFICIENTS		8

/* Numerators and denominators of AS 241, lowest power first */
static const double central_num[COEFFICIENTS] = {
	3.3871328727963666080e0, 1.3314166789178437745e2,
	1.9715909503065514427e3, 1.3731693765509461125e4,
	4.5921953931549871457e4, 6.7265770927008700853e4,
	3.3430575583588128105e4, 2.5090809287301226727e3
};
static const double central_den[COEFFICIENTS] = {
	1.0, 4.2313330701600911252e1,
	6.8718700749205790830e2, 5.3941960214247511077e3,
	2.1213794301586595867e4, 3.9307895800092710610e4,
	2.8729085735721942674e4, 5.2264952788528545610e3
};
static const double tail_num[COEFFICIENTS] = {
	1.42343711074968357734e0, 4.63033784615654529590e0,
	5.76949722146069140550e0, 3.64784832476320460504e0,
	1.27045825245236838258e0, 2.41780725177450611770e-1,
	2.27238449892691845833e-2, 7.74545014278341407640e-4
};
static const double tail_den[COEFFICIENTS] = {
	1.0, 2.05319162663775882187e0,
	1.67638483018380384940e0, 6.89767334985100004550e-1,
	1.48103976427480074590e-1, 1.51986665636164571966e-2,
	5.47593808499534494600e-4, 1.05075007164441684324e-9
};
static const double far_num[COEFFICIENTS] = {
	6.65790464350110377720e0, 5.46378491116411436990e0,
	1.78482653991729133580e0, 2.96560571828504891230e-1,
	2.65321895265761230930e-2, 1.24266094738807843860e-3,
	2.71155556874348757815e-5, 2.01033439929228813265e-7
};
static const double far_den[COEFFICIENTS] = {
	1.0, 5.99832206555887937690e-1,
	1.36929880922735805310e-1, 1.48753612908506148525e-2,
	7.86869131145613259100e-4, 1.84631831751005468180e-5,
	1.42151175831644588870e-7, 2.04426310338993978564e-15
};

/*
 * num(x) / den(x), both by Horner's rule
 */
static double
rational(const double *num, const double *den, double x)
{
	double		n = num[COEFFICIENTS - 1];
	double		d = den[COEFFICIENTS - 1];
	int			i;

	for (i = COEFFICIENTS - 2; i >= 0; i--)
	{
		n = n * x + num[i];
		d = d * x + den[i];
	}
	return n / d;
}

/*
 * Share of a standard normal population at or below z
 *
 * Through erfc, which keeps its relative accuracy far into the lower tail.
 */
double
normal_cdf(double z)
{
	return 0.5 * erfc(-z * M_SQRT1_2);
}

/*
 * The z below which the share p of a standard normal population lies
 *
 * -infinity at p = 0, infinity at p = 1, NaN outside 0..1.
 */
double
normal_quantile(double p)
{
	double		q = p - 0.5;
	double		r;
	double		z;

	if (!(p >= 0.0 && p <= 1.0))
		return NAN;
	if (p == 0.0)
		return -INFINITY;
	if (p == 1.0)
		return INFINITY;

	if (fabs(q) <= CENTRAL_HALF_WIDTH)
	{
		r = CENTRAL_HALF_WIDTH * CENTRAL_HALF_WIDTH - q * q;
		return q * rational(central_num, central_den, r);
	}

	/* The tails are mirror images: work with the smaller share */
	r = sqrt(-log(q < 0.0 ? p : 1.0 - p));
	if (r <= FAR_TAIL_START)
		z = rational(tail_num, tail_den, r - 1.6);
	else
		z = rational(far_num, far_den, r - FAR_TAIL_START);
	return q < 0.0 ? -z : z;
}
