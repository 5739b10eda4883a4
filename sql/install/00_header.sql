-- complain if the script is sourced in psql rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION influence" to load this file. \quit

-- Configuration tables live here; a schema planted under this name is refused.
CREATE SCHEMA influence;
COMMENT ON SCHEMA influence IS 'Configuration and logs of the influence extension';
