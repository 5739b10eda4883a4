# make && make install && make installcheck   the usual cycle of a PGXS extension
# make check                                  all tests, set-up included
# make check-matrix                           all tests on every PostgreSQL we build on (root, Debian)
# make lint                                   what clang has to say about the code
# make demo                                   a worked example, set-up included
# make bench                                  measurements, set-up included

SANDBOX_GOALS = check check-matrix demo bench
ifneq (,$(filter $(SANDBOX_GOALS),$(MAKECMDGOALS)))

# These bring their own PostgreSQL (see test/sandbox.sh), also to a machine
# without any, so that nothing here may ask pg_config.
check:
	test/sandbox.sh test/check.sh
check-matrix:
	test/matrix.sh
demo:
	test/sandbox.sh examples/demo.sh
bench:
	test/sandbox.sh bench/bench.sh

# Other goals of the same command line go to a make of their own.
OTHER_GOALS = $(filter-out $(SANDBOX_GOALS),$(MAKECMDGOALS))
$(OTHER_GOALS):
	$(MAKE) $@

.PHONY: $(SANDBOX_GOALS) $(OTHER_GOALS)

else

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

# Unit tests of the math layer: plain programs, run with sanitizers.
UNIT_TESTS = $(patsubst test/unit/%.c,test/unit/bin/%,$(sort $(wildcard test/unit/*_test.c)))
UNIT_OBJS = $(patsubst src/math/%.c,test/unit/bin/%.o,$(sort $(wildcard src/math/*.c)))
UNIT_HEADERS = $(wildcard src/math/*.h test/unit/*.h)
UNIT_CFLAGS = -std=gnu99 -g -O1 -Wall -Wextra -Wdeclaration-after-statement -Werror -ffp-contract=off \
	-pthread -fsanitize=address,undefined -fno-sanitize-recover=all -Isrc
# Tests skip, by name, what needs data that is not there.
export INFLUENCE_TEST_DATA := $(abspath $(or $(INFLUENCE_TEST_DATA),../shared/data))
# A second compiler's opinion. Server headers take attributes from the first one.
CLANG = clang
LINT_CFLAGS = -std=gnu11 -fsyntax-only -Wall -Wextra -Wdeclaration-after-statement -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla -Wno-ignored-attributes -Werror
PROVE_TESTS = $(UNIT_TESTS) $(sort $(wildcard test/t/*.pl))

# Scores must be equal on every node: no contraction into fused multiply-add.
PG_CFLAGS += -Wextra -ffp-contract=off
# The server's headers are system headers, so that warnings are about our code.
PG_CPPFLAGS += -isystem $(includedir_server) -I$(CURDIR)/src

EXTRA_CLEAN = $(EXTENSION_SQL) test/unit/bin

# JIT bitcode would need clang, and nothing here is worth inlining into plans.
override with_llvm := no

PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq (,$(PGXS))
$(error $(PG_CONFIG) does not run: install postgresql-server-dev-NN, or name it with PG_CONFIG=/path/to/pg_config, or use "make check", which sets up everything)
endif
include $(PGXS)

$(OBJS): $(SRC_HEADERS)

$(EXTENSION_SQL): $(EXTENSION_SQL_PARTS)
	cat $(EXTENSION_SQL_PARTS) > $@

test/unit/bin/%.o: src/math/%.c $(UNIT_HEADERS)
	@$(MKDIR_P) $(@D)
	$(CC) $(UNIT_CFLAGS) -c -o $@ $<

test/unit/bin/%_test: test/unit/%_test.c $(UNIT_OBJS) $(UNIT_HEADERS)
	@$(MKDIR_P) $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $< $(UNIT_OBJS) -lm

unit-tests: $(UNIT_TESTS)

lint:
	@if ! command -v $(CLANG) > /dev/null; then \
		echo 'skipped: there is no $(CLANG)'; \
	else \
		$(CLANG) $(LINT_CFLAGS) $(PG_CPPFLAGS) $(CPPFLAGS) $(OBJS:.o=.c) && \
		$(CLANG) $(LINT_CFLAGS) -Isrc $(wildcard test/unit/*.c bench/*.c); \
	fi

# Unit and TAP tests. PGXS itself looks for them in ./t only.
prove_installcheck: unit-tests
	$(prove_installcheck)

.PHONY: unit-tests lint prove_installcheck

endif
