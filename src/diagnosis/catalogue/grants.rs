//! How a permission is granted: the one fix that fits the caller's roles, and what would not help.

use super::{Step, When, both, machine, user};

pub(super) static STEPS: &[Step] = &[
    machine(
        "In {oauth}, open {client}, Roles: see whether a role with {permissions} is assigned in \
         {division}{formerly}. If one is assigned elsewhere only, assign it there as well, and save.",
    )
    .when(When::RolesUnknown),
    user(
        "In {people}, open the person, Roles: see whether a role with {permissions} is assigned in \
         {division}{formerly}. If one is assigned elsewhere only, add the division; for a role that \
         comes from a group, do it in {groups}, open the group, Roles.",
    )
    .when(When::RolesUnknown),
    user(
        "If there is none, in {roles}, add a role with that permission and nothing else, and assign it \
         there: {choice}{operation} needs no more.",
    )
    .when(When::RolesUnknown),
    machine(
        "If there is none, in {roles}, add a role with that permission and nothing else, and assign it \
         there: {choice}{operation} needs no more. Administrators can give a client only what they hold \
         themselves, so they assign the role to themselves first.",
    )
    .when(When::RolesUnknown),
    machine(
        "In {oauth}, open {client}, Roles: assign {role} in {division} again, and save. It was \
         assigned there when access last worked; {carries}.",
    )
    .when(When::TakenRole),
    user(
        "In {people}, open the person, Roles: assign {role} in {division} again. It was assigned \
         there when access last worked; where it came from a group, do it in {groups}, open the \
         group, Roles.",
    )
    .when(When::TakenRole),
    machine(
        "In {oauth}, open {client}, Roles: assign {role} in {division} as well, and save. It carries \
         {permissions} already, so that nothing has to be edited.",
    )
    .when(When::RoleElsewhere),
    user(
        "In {people}, open the person, Roles: add {division} to {role}, which carries {permissions} \
         already; where it comes from a group, do it in {groups}, open the group, Roles.",
    )
    .when(When::RoleElsewhere),
    both(
        "In {roles}, open {role}, tick {permissions} again, and save: the caller still has this role \
         wherever the permission was held when access last worked, but it does not carry it any more.",
    )
    .when(When::EditedRole),
    both(
        "In {roles}, add a role with {permissions} and nothing else: {choice}{operation} needs no \
         more.",
    )
    .when(When::NewRole),
    machine(
        "In {oauth}, open {client}, Roles: assign that role in {division}, and save. Administrators \
         can give a client only what they hold themselves, so assign it to yourself there first.",
    )
    .when(When::NewRole),
    user(
        "In {people}, open the person, Roles: assign that role in {division}; or in {groups}, open a \
         group of the person, Roles.",
    )
    .when(When::NewRole),
    both(
        "Or tick it in {could} instead, which the caller has already: then everybody who has this \
         role gets it.",
    )
    .when(When::CouldCarry),
    both("Do not count on {bound}: it carries the permission only under a condition.")
        .when(When::OnCondition),
];
