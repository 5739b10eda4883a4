/*
 * Calibrations as they are kept in influence.calibrations.
 */
#ifndef INFLUENCE_CALIBRATION_STORE_H
#define INFLUENCE_CALIBRATION_STORE_H

#include "utils/date.h"

#include "model/model.h"
#include "model/scoring.h"

extern Calibration *calibration_load(const Model *model);
extern Calibration *calibration_of_day(const Model *model, DateADT day);
extern void calibration_note_day(const Model *model, DateADT day, int version);
extern void calibration_forget_days(const Model *model, DateADT oldest);
extern void calibration_save(const Model *model, TimestampTz as_of, Calibration *calibration);

#endif							/* INFLUENCE_CALIBRATION_STORE_H */
