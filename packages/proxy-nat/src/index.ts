/**
 * Give every resource a global address, and carry reads, writes and traffic to it.
 *
 * @example
 * const table = createTranslation({ regions })                     // on the node that has the memory
 * await serveMemory({ self, table, trust, stream, peer })
 *
 * const attached = await attach({ links, trust, capability, pointer, holder })     // on any other
 * if (attached.ok) await attached.region.read(0, 64)
 *
 * @packageDocumentation
 */
export {
  ADDRESS_SIZE,
  assetAddress,
  ephemeralAddress,
  kindOf,
  nodeAddress,
  serviceAddress,
} from './address.ts'
export type { AddressKind, AssetOrigin, MeshAddress, NodeKeys } from './address.ts'
export { attach } from './attach.ts'
export type { Attached, AttachOptions } from './attach.ts'
export {
  BINDING_SIZE_MAX,
  bindingCodec,
  BINDINGS_MAX,
  createBindings,
  signBinding,
  verifyBinding,
  verifyEquivocation,
} from './binding.ts'
export type { Accepted, Binding, BindingRefusalCode, Bindings, Equivocation } from './binding.ts'
export {
  capabilityCodec,
  CAPABILITY_SIZE_MAX,
  grant,
  GRANTS_MAX,
  grantIds,
  narrow,
  RIGHTS,
} from './capability.ts'
export type { Capability, Grant, GrantTerms, Right } from './capability.ts'
export { verifyCapability } from './chain.ts'
export type { Claims, Verified } from './chain.ts'
export { createDecoder } from './decoder.ts'
export type { DecodedFrame, Decoder, Frame, Place } from './decoder.ts'
export { ProxyNatError } from './errors.ts'
export type { ProxyNatErrorCode } from './errors.ts'
export { encodeFrame, HEADER_SIZE, MEMORY_PROTOCOL, OPERATION_SIZE_MAX } from './frame.ts'
export type { Direction, FrameRefusalCode, Header, Operation } from './frame.ts'
export type { ByteStream, Links } from './links.ts'
export { formatPointer, parsePointer, referenceCodec, REGION_MAX } from './pointer.ts'
export type { Pointer, Reference } from './pointer.ts'
export type { MemoryRefusalCode, Refusal } from './refusal.ts'
export { TRANSFER_SIZE_MAX } from './remote.ts'
export type { RemoteRegion } from './remote.ts'
export { serveMemory } from './server.ts'
export type { Served } from './server.ts'
export { ATTACH_FAILURES_MAX, ATTACHMENTS_MAX } from './session.ts'
export type { SessionOptions } from './session.ts'
export type { Stat } from './stat.ts'
export { createTranslation } from './table.ts'
export type { Counters, Entry, Explanation, Regions, Target, Translation } from './table.ts'
export { formatAddress, formatChecked, parseAddress } from './text.ts'
export type { TrustSource } from './trust.ts'
