#include "common.h"
EV_TEST_MAIN
