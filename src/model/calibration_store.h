/*
 * Calibrations as they are kept in influence.calibrations.
 */
#ifndef INFLUENCE_CALIBRATION_STORE_H
#define INFLUENCE_CALIBRATION_STORE_H

#include "model/model.h"
#include "model/scoring.h"

extern Calibration *calibration_load(const Model *model);
extern void calibration_save(const Model *model, TimestampTz as_of, Calibration *calibration);

#endif							/* INFLUENCE_CALIBRATION_STORE_H */
