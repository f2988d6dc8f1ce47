/**
 * Carry authenticated streams between nodes over QUIC.
 *
 * @example
 * const ada = generateSigningKey('ed25519')
 * const bob = generateSigningKey('ed25519')
 * await using here = await createEndpoint({ key: ada, authenticator: pinnedKeys([bob.publicKey]) })
 * await using there = await createEndpoint({ key: bob, authenticator: pinnedKeys([ada.publicKey]) })
 * there.handleRequest('example/double', async (body) => body.map((byte) => 2 * byte))
 * const connection = await here.connect(there.address)
 * await connection.request('example/double', Uint8Array.of(1, 2, 3)) // 2, 4, 6
 *
 * @packageDocumentation
 */
export { pinnedKeys } from './authenticator.ts'
export type { Admission, PeerAuthenticator } from './authenticator.ts'
export type { Carrier, Lane, OpenCarrier, Wire } from './carrier.ts'
export type { Connection } from './connection.ts'
export { decodeControl, encodeClose, encodeReset } from './control.ts'
export type { CloseReason, Control } from './control.ts'
export { createEndpoint } from './endpoint.ts'
export type { Address, Counts, Endpoint, EndpointOptions } from './endpoint.ts'
export { StoqError } from './errors.ts'
export type { StoqErrorCode } from './errors.ts'
export { decodeFrame, encodeFrame, frameType } from './frame.ts'
export type { Frame, FrameRefusal, FrameType } from './frame.ts'
export { checkHello, helloCodec, refusalCodec } from './hello.ts'
export type { Hello, Refusal } from './hello.ts'
export {
  BODY_SIZE_MAX,
  CREDENTIAL_SIZE_MAX,
  PROTOCOL_LENGTH_MAX,
  READ_SIZE,
  WRITE_SIZE_MAX,
  defaultLimits,
} from './limits.ts'
export type { Limits } from './limits.ts'
export { createMessageReader, writeMessage } from './messages.ts'
export type { MessageReader } from './messages.ts'
export { keyOfMultiaddr, keyOfPeerId } from './peerid.ts'
export { quicCarrier } from './quic.ts'
export type { Peer, RequestHandler, StreamHandler } from './service.ts'
export type { Stream } from './stream.ts'
