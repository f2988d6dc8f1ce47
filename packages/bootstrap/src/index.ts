/**
 * Wire the packages into a node, phase by phase.
 *
 * @packageDocumentation
 */
export { chainOf, validatorsOf } from './chain.ts'
export type { Directory, Entry } from './directory.ts'
export { BootstrapError } from './errors.ts'
export type { BootstrapErrorCode } from './errors.ts'
export { inviteCodec, MEMBERS_MAX } from './invite.ts'
export type { Invite, Member } from './invite.ts'
export type { JobEvent, JobReport, JobWork, PartReceipt } from './jobs/work.ts'
export { signOperation, verifyOrdered } from './ledger/ledger.ts'
export type { Body, Ledger, LedgerName, Ordered } from './ledger/ledger.ts'
export { createNode } from './node.ts'
export type { MeshNode, NodeCard, NodeConfig, NodeStatus } from './node.ts'
export type { Peers } from './peers.ts'
export type { Left } from './phases/phases.ts'
export type { LentPart, Workshop } from './workshop.ts'
