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
export {
  agreementKeyFromSeed,
  decapsulate,
  encapsulate,
  generateAgreementKey,
} from './agreement.ts'
export type { AgreementKey, AgreementScheme, Encapsulated } from './agreement.ts'
export { concat, equal, fromHex, toHex } from './bytes.ts'
export { CryptoError } from './errors.ts'
export type { CryptoErrorCode } from './errors.ts'
export { sha256, sha3 } from './hash.ts'
export { createIdentity, generateIdentity, openIdentity } from './identity/identity.ts'
export type { Identity, IdentityFile, IdentityPublic } from './identity/identity.ts'
export {
  PASSPHRASE_COST,
  PASSPHRASE_COST_MAX,
  PASSPHRASE_COST_MIN,
  hkdf,
  passphraseKey,
} from './kdf.ts'
export type { PassphraseCost } from './kdf.ts'
export { draw, systemRandom } from './random.ts'
export type { Random } from './random.ts'
export { field } from './record/field.ts'
export type { ChoiceOf, Choices, Field, Fields, OptionalField, ValueOf } from './record/field.ts'
export { record, union } from './record/record.ts'
export type { Codec, Decoded, RecordOf, Whole } from './record/record.ts'
export type { RecordRefusal } from './record/refusal.ts'
export { PLAIN_SIZE_MAX, RECORDS_MAX, opener, sealer } from './seal/record.ts'
export type { Opener, SealOptions, Sealer } from './seal/record.ts'
export { CHUNK_SIZE, openStream, sealStream } from './seal/stream.ts'
export { SEED_SIZE, generateSigningKey, signingKeyFromSeed, verify } from './signature/native.ts'
export type { NativeScheme, SigningKey } from './signature/native.ts'
export {
  generateSigner,
  signatureSizes,
  signerFromSecret,
  verifySignature,
} from './signature/signer.ts'
export type { OwnedSigner, SignatureScheme, Signer } from './signature/signer.ts'
