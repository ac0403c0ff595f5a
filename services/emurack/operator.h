/* What an operator or a test does to the hardware itself, through the control socket: faults armed
 * and cleared, devices that die and revive, counters reset.
 *
 *     fault-arm      {"device","operation","action"[,"ms"][,"code"][,"count"]}
 *     fault-clear    {["device"]}
 *     faults         {}
 *     die, revive    {"device"}
 *     reset-counters {}
 *
 * Thread rule: the main-loop thread; takes the mutex of 'struct sdm_emu' itself. */
#pragma once

#include "emurack/emu.h"
#include "emurack/rmc_server.h"
#include "emurack/session.h"
#include "lib/svc/service.h"

/* The parts that commands act on; outlives the service. */
struct sdm_emu_operator {
    struct sdm_emu *emu;
    struct sdm_emu_sessions *sessions;
    struct sdm_emu_rmc_server *rmc_server;
};

void sdm_emu_operator_register(struct sdm_emu_operator *operator_, struct sdm_service *service);
