/*
 * receive: what one authentic heartbeat changes in the view (RECEIVE-1 to 10). Part of step.
 */
#ifndef LOCUM_CORE_RECEIVE_H
#define LOCUM_CORE_RECEIVE_H

#include "core/step.h"

/* Take an input of kind LOCUM_INPUT_HEARTBEAT. */
void locum_receive(struct locum_core *self, const struct locum_input *input,
                   struct locum_actions *actions);

#endif
