# Locum: build, check, show. `make help` prints this file's targets; CI calls nothing else.
# Honoured: CC CFLAGS LDFLAGS PREFIX DESTDIR; BUILD names the build folder.

MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash
CC ?= cc
ifeq ($(origin CC),default)
CC := cc
endif
CFLAGS ?= -O2 -g
LDFLAGS ?=
PREFIX ?= /usr/local
DESTDIR ?=
BUILD ?= build

PACKAGES := hiredis libevent libevent_pthreads ldns yaml-0.1 libcurl jansson libcrypto
ROOMS := base core config redis peer health dns control cli daemon
SOURCES := $(foreach room,$(ROOMS),$(wildcard coordinator/$(room)/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(wildcard tests/unit/*/test_*.c))

WARNINGS := -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes
# Looked up when a compiler is first called, so that `make deps` and `make help` need no library.
PACKAGE_CFLAGS = $(eval PACKAGE_CFLAGS := $(shell pkg-config --cflags $(PACKAGES)))$(PACKAGE_CFLAGS)
PACKAGE_LIBS = $(eval PACKAGE_LIBS := $(shell pkg-config --libs $(PACKAGES)))$(PACKAGE_LIBS)
COMPILE = $(CC) -std=c17 -D_GNU_SOURCE -Icoordinator $(WARNINGS) $(WERROR) $(PACKAGE_CFLAGS) \
	$(CFLAGS) -pthread -MMD -MP
LINK = $(CC) $(CFLAGS) $(LDFLAGS) -pthread

.PHONY: all help check unit lint fmt clean
.DELETE_ON_ERROR:
.SECONDARY:

all: $(BUILD)/locum ## build the programs

help: ## print the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -c $< -o $@

$(BUILD)/liblocum.a: $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/locum: $(BUILD)/coordinator/main.o $(BUILD)/liblocum.a
	$(LINK) $^ $(PACKAGE_LIBS) -o $@

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/liblocum.a
	$(LINK) $^ $(PACKAGE_LIBS) -lcmocka -o $@

unit: $(UNIT_TESTS) ## run the unit tests
	@for test in $(UNIT_TESTS); do $$test || exit 1; done

check: all unit ## units, short simulation, lint: under a minute

fmt: ## format the C sources
	clang-format -i $(shell git ls-files '*.c' '*.h')

clean: ## remove the build folder
	rm -rf $(BUILD)

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')
