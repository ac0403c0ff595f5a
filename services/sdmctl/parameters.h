/* Every option and argument that commands have, each once: name, kind and text.
 *
 * Thread rule: constant. */
#pragma once

#include "sdmctl/command.h"

extern const struct sdm_ctl_parameter sdm_ctl_p_accelerator_kind;
extern const struct sdm_ctl_parameter sdm_ctl_p_active_power;
extern const struct sdm_ctl_parameter sdm_ctl_p_actor;
extern const struct sdm_ctl_parameter sdm_ctl_p_after;
extern const struct sdm_ctl_parameter sdm_ctl_p_all;
extern const struct sdm_ctl_parameter sdm_ctl_p_all_letters;
extern const struct sdm_ctl_parameter sdm_ctl_p_bandwidth;
extern const struct sdm_ctl_parameter sdm_ctl_p_batch_file;
extern const struct sdm_ctl_parameter sdm_ctl_p_brick;
extern const struct sdm_ctl_parameter sdm_ctl_p_bricks;
extern const struct sdm_ctl_parameter sdm_ctl_p_capacity;
extern const struct sdm_ctl_parameter sdm_ctl_p_class;
extern const struct sdm_ctl_parameter sdm_ctl_p_contiguous;
extern const struct sdm_ctl_parameter sdm_ctl_p_control_command;
extern const struct sdm_ctl_parameter sdm_ctl_p_control_members;
extern const struct sdm_ctl_parameter sdm_ctl_p_control_socket;
extern const struct sdm_ctl_parameter sdm_ctl_p_count;
extern const struct sdm_ctl_parameter sdm_ctl_p_database;
extern const struct sdm_ctl_parameter sdm_ctl_p_event_kind;
extern const struct sdm_ctl_parameter sdm_ctl_p_fence_method;
extern const struct sdm_ctl_parameter sdm_ctl_p_fence_undo;
extern const struct sdm_ctl_parameter sdm_ctl_p_follow;
extern const struct sdm_ctl_parameter sdm_ctl_p_group;
extern const struct sdm_ctl_parameter sdm_ctl_p_head;
extern const struct sdm_ctl_parameter sdm_ctl_p_idle_power;
extern const struct sdm_ctl_parameter sdm_ctl_p_key;
extern const struct sdm_ctl_parameter sdm_ctl_p_lease;
extern const struct sdm_ctl_parameter sdm_ctl_p_letter;
extern const struct sdm_ctl_parameter sdm_ctl_p_letters;
extern const struct sdm_ctl_parameter sdm_ctl_p_limit;
extern const struct sdm_ctl_parameter sdm_ctl_p_management;
extern const struct sdm_ctl_parameter sdm_ctl_p_max_bytes;
extern const struct sdm_ctl_parameter sdm_ctl_p_max_reservations;
extern const struct sdm_ctl_parameter sdm_ctl_p_mode;
extern const struct sdm_ctl_parameter sdm_ctl_p_object;
extern const struct sdm_ctl_parameter sdm_ctl_p_plan;
extern const struct sdm_ctl_parameter sdm_ctl_p_policy;
extern const struct sdm_ctl_parameter sdm_ctl_p_power;
extern const struct sdm_ctl_parameter sdm_ctl_p_project;
extern const struct sdm_ctl_parameter sdm_ctl_p_rack;
extern const struct sdm_ctl_parameter sdm_ctl_p_rack_file;
extern const struct sdm_ctl_parameter sdm_ctl_p_reservation;
extern const struct sdm_ctl_parameter sdm_ctl_p_segment;
extern const struct sdm_ctl_parameter sdm_ctl_p_since;
extern const struct sdm_ctl_parameter sdm_ctl_p_size;
extern const struct sdm_ctl_parameter sdm_ctl_p_state;
extern const struct sdm_ctl_parameter sdm_ctl_p_timeout;
extern const struct sdm_ctl_parameter sdm_ctl_p_unlimited;
extern const struct sdm_ctl_parameter sdm_ctl_p_vm;
extern const struct sdm_ctl_parameter sdm_ctl_p_wait;
extern const struct sdm_ctl_parameter sdm_ctl_p_wake;
extern const struct sdm_ctl_parameter sdm_ctl_p_words;
