# make && make install && make installcheck   the usual cycle of a PGXS extension
# make check                                  all tests, set-up included
# make check-matrix                           all tests on every PostgreSQL we build on (root, Debian)
# make check-valgrind                         the SQL tests under memcheck, takes hours (root, Debian)
# make check-package                          build the Debian package, install it in a chroot (root, Debian)
# make check-upgrade                          pg_upgrade from PostgreSQL 15 to 17, with models in it (root, Debian)
# make check-portable                         unit tests with 32 bits and big-endian, as far as compilers are here
# make freeze NEXT=VERSION                    at a release: keep this version's SQL for good, and start the next
# make dist                                   dist/influence-VERSION.tar.gz and .zip of what git has
# make lint                                   what clang has to say about the code
# make fuzz FUZZ_SECONDS=60                   the math layer under libFuzzer (clang, libclang-rt-NN-dev)
# make demo                                   a worked example, set-up included
# make bench                                  measurements, set-up included

EXTENSION = influence
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" influence.control)

SANDBOX_GOALS = check check-matrix check-package check-portable check-upgrade check-valgrind demo bench dist freeze
ifneq (,$(filter $(SANDBOX_GOALS),$(MAKECMDGOALS)))

# These bring their own PostgreSQL (see test/sandbox.sh), also to a machine
# without any, or need none, so that nothing here may ask pg_config.
check:
	test/sandbox.sh test/check.sh
check-matrix:
	test/matrix.sh
check-package:
	test/package.sh
check-portable:
	test/portable.sh
check-upgrade:
	test/upgrade.sh
check-valgrind:
	test/valgrind.sh
demo:
	test/sandbox.sh examples/demo.sh
bench:
	test/sandbox.sh bench/bench.sh

# The same bytes for the same commit, whatever the time zone and umask.
DIST = dist/$(EXTENSION)-$(EXTVERSION)
ARCHIVE = TZ=UTC git -c tar.umask=0022 -c tar.tar.gz.command='gzip -9n' archive --prefix=$(EXTENSION)-$(EXTVERSION)/
dist:
	@mkdir -p dist
	$(ARCHIVE) -o $(DIST).tar.gz HEAD
	$(ARCHIVE) -o $(DIST).zip HEAD

# Databases have what was released, and are updated from it.
freeze:
	sql/freeze.sh $(NEXT)

# Other goals of the same command line go to a make of their own.
OTHER_GOALS = $(filter-out $(SANDBOX_GOALS),$(MAKECMDGOALS))
$(OTHER_GOALS):
	$(MAKE) $@

.PHONY: $(SANDBOX_GOALS) $(OTHER_GOALS)

else

PG_CONFIG ?= pg_config

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

# Unit and fuzz tests of the math layer: plain programs, run with sanitizers.
UNIT_TESTS = $(patsubst test/unit/%.c,test/unit/bin/%,$(sort $(wildcard test/unit/*_test.c)))
FUZZ_TESTS = $(patsubst test/fuzz/%.c,test/unit/bin/%,$(sort $(wildcard test/fuzz/*_fuzz.c)))
UNIT_OBJS = $(patsubst src/math/%.c,test/unit/bin/%.o,$(sort $(wildcard src/math/*.c)))
UNIT_HEADERS = $(wildcard src/math/*.h test/unit/*.h test/fuzz/*.h)
UNIT_CFLAGS = -std=gnu99 -g -O1 -Wall -Wextra -Wdeclaration-after-statement -Werror -ffp-contract=off \
	-pthread -fsanitize=address,undefined -fno-sanitize-recover=all -DUSE_ASSERT_CHECKING -Isrc
# Tests skip, by name, what needs data that is not there.
export INFLUENCE_TEST_DATA := $(abspath $(or $(INFLUENCE_TEST_DATA),../shared/data))
# A second compiler's opinion. Server headers take attributes from the first one.
CLANG = clang
LINT_CFLAGS = -std=gnu11 -fsyntax-only -Wall -Wextra -Wdeclaration-after-statement -Wmissing-prototypes \
	-Wstrict-prototypes -Wvla -Wno-ignored-attributes -Werror
PROVE_TESTS = $(UNIT_TESTS) $(FUZZ_TESTS) $(sort $(wildcard test/t/*.pl))

# Scores must be equal on every node: no contraction into fused multiply-add.
PG_CFLAGS += -Wextra -ffp-contract=off
# Calls within the library go straight to their functions; nobody puts others in their place.
ifeq ($(shell uname -s), Linux)
PG_CFLAGS += -fno-semantic-interposition
SHLIB_LINK += -Wl,-Bsymbolic-functions
endif
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

test/unit/bin/%_fuzz: test/fuzz/%_fuzz.c test/fuzz/fuzz.c $(UNIT_OBJS) $(UNIT_HEADERS)
	@$(MKDIR_P) $(@D)
	$(CC) $(UNIT_CFLAGS) -o $@ $< test/fuzz/fuzz.c $(UNIT_OBJS) -lm

unit-tests: $(UNIT_TESTS) $(FUZZ_TESTS)

# The same targets for as long as one likes, led by coverage.
FUZZ_SECONDS = 60
fuzz: $(FUZZ_TESTS:%=%.libfuzzer)
test/unit/bin/%_fuzz.libfuzzer: test/fuzz/%_fuzz.c $(wildcard src/math/*.c) $(UNIT_HEADERS)
	@$(MKDIR_P) $@.corpus
	$(CLANG) -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DUSE_ASSERT_CHECKING -Isrc -o $@ $< $(wildcard src/math/*.c) -lm
	cd $(@D) && ./$(@F) -max_total_time=$(FUZZ_SECONDS) -verbosity=0 $(@F).corpus

lint:
	@if ! command -v $(CLANG) > /dev/null; then \
		echo 'skipped: there is no $(CLANG)'; \
	else \
		$(CLANG) $(LINT_CFLAGS) $(PG_CPPFLAGS) $(CPPFLAGS) $(OBJS:.o=.c) && \
		$(CLANG) $(LINT_CFLAGS) -Isrc $(wildcard test/unit/*.c test/fuzz/*.c bench/*.c); \
	fi

# Unit and TAP tests. PGXS itself looks for them in ./t only.
prove_installcheck: unit-tests
	$(prove_installcheck)

.PHONY: unit-tests fuzz lint prove_installcheck

endif
