-- complain if the script is sourced in psql rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION influence" to load this file. \quit

-- Configuration tables live here; a schema planted under this name is refused.
CREATE SCHEMA influence;
COMMENT ON SCHEMA influence IS 'Configuration and logs of the influence extension';

-- The server runs this script with the schema of the extension in the search_path,
-- where others may have put functions and operators whose argument types fit ours
-- better than those of the catalog. Tables, views, policies and rows are therefore
-- made under a path of the catalog alone, and so do our functions run; only their own
-- names are resolved in the schema of the extension, with the exact arguments.
