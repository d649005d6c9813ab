// SPDX-License-Identifier: GPL-2.0
/* The one place where the code behind the tracepoints is made. */
#define CREATE_TRACE_POINTS
#include "trace.h"
