/*
 * Settings of the module.
 */
#ifndef INFLUENCE_H
#define INFLUENCE_H

/* Name of the model used when a call gives none; empty: the only one */
extern char *influence_default_model;

/* Kilobytes that a refresh may take before it uses temporary files */
extern int	influence_max_memory;

#endif							/* INFLUENCE_H */
