/**
 * Sign, agree and seal with classical and post-quantum keys.
 *
 * @example
 * const key = generateSigningKey('ed25519')
 * const note = record('example/note', 1, 1024, { to: field.text({ max: 64 }), at: field.uint() })
 * const bytes = note.encode({ to: 'ada', at: 10n })
 * verify('ed25519', key.publicKey, bytes, key.sign(bytes)) // true
 *
 * @packageDocumentation
 */
export { concat, equal, fromHex, toHex } from './bytes.ts'
export { CryptoError } from './errors.ts'
export type { CryptoErrorCode } from './errors.ts'
export { sha256, sha3 } from './hash.ts'
export { draw, systemRandom } from './random.ts'
export type { Random } from './random.ts'
export { field } from './record/field.ts'
export type { ChoiceOf, Choices, Field, Fields, OptionalField, ValueOf } from './record/field.ts'
export { record, union } from './record/record.ts'
export type { Codec, Decoded, RecordOf, Whole } from './record/record.ts'
export type { RecordRefusal } from './record/refusal.ts'
export { generateSigningKey, signingKeyFromSeed, verify } from './signature/native.ts'
export type { NativeScheme, SigningKey } from './signature/native.ts'
