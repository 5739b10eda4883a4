/*
 * Planning so that queries are grouped where the rows are.
 */
#ifndef INFLUENCE_GROUP_ELSEWHERE_H
#define INFLUENCE_GROUP_ELSEWHERE_H

#include "utils/elog.h"

extern ErrorData *attempt_elsewhere(void (*action) (void *arg), void *arg);

#endif							/* INFLUENCE_GROUP_ELSEWHERE_H */
