PG_CONFIG ?= pg_config

EXTENSION = influence
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" influence.control)

MODULE_big = influence
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/math/*.c src/*.c src/model/*.c)))
SRC_HEADERS = $(wildcard src/*.h src/math/*.h src/model/*.h)

EXTENSION_SQL = sql/$(EXTENSION)--$(EXTVERSION).sql
EXTENSION_SQL_PARTS = $(sort $(wildcard sql/install/*.sql))
DATA = $(filter-out $(EXTENSION_SQL),$(wildcard sql/*--*.sql))
DATA_built = $(EXTENSION_SQL)

REGRESS = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --outputdir=. --load-extension=$(EXTENSION)
ISOLATION = $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=$(EXTENSION)

# Scores must be equal on every node: no contraction into fused multiply-add.
PG_CFLAGS += -Wextra -ffp-contract=off
# The server's headers are system headers, so that warnings are about our code.
PG_CPPFLAGS += -isystem $(shell $(PG_CONFIG) --includedir-server) -I$(CURDIR)/src

EXTRA_CLEAN = $(EXTENSION_SQL)

# JIT bitcode would need clang, and nothing here is worth inlining into plans.
override with_llvm := no

PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

$(OBJS): $(SRC_HEADERS)

$(EXTENSION_SQL): $(EXTENSION_SQL_PARTS)
	cat $(EXTENSION_SQL_PARTS) > $@
