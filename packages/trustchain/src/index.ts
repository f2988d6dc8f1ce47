/**
 * Issue, log, revoke and verify the certificates nodes trust, and resolve the names they certify.
 *
 * @example
 * const authority = await openAuthority({ file, keys, ledger, clock, mesh: 'flights' })
 * const proof = key.sign(requestBytes('node-1', key.publicKey))
 * const issued = await authority.issue({ name: 'node-1', key: key.publicKey, proof })
 * const credential = issued.ok && encodeChain(issued.chain) // what the node shows its peers
 *
 * @packageDocumentation
 */
export type {
  Authority,
  AuthorityOptions,
  CrossCertification,
  Issuance,
  IssuedCertificate,
} from './authority/authority.ts'
export type { CrossRefusal } from './authority/cross.ts'
export type { Settlement } from './authority/journal.ts'
export { openAuthority } from './authority/open.ts'
export { CERTIFICATES_PER_KEY_MAX, LIFETIME_MS } from './authority/register.ts'
export type { IssueRefusal, IssueRequest } from './authority/register.ts'
export { requestBytes } from './authority/request.ts'
export { CERTIFICATE_SIZE_MAX, fingerprint, readCertificate } from './certificate/certificate.ts'
export type { Certificate, CertificateReading } from './certificate/certificate.ts'
export { CHAIN_LENGTH_MAX, CHAIN_SIZE_MAX, decodeChain, encodeChain } from './chain/chain.ts'
export type { ChainDecoding } from './chain/chain.ts'
export type { ChainRefusal, ChainRefusalCode } from './chain/refusal.ts'
export { verifyChain } from './chain/verify.ts'
export type { ChainQuestion, ChainVerdict } from './chain/verify.ts'
export { TrustError } from './errors.ts'
export type { TrustErrorCode } from './errors.ts'
export { fileKeys } from './keys/keys.ts'
export type { FileKeysOptions } from './keys/keys.ts'
export type { KeyStore } from './keys/keystore.ts'
export { ENTRY_SIZE_MAX, entryCodec, keyId, verifyEntry } from './ledger/entry.ts'
export type { Entry, EntryBody, EntryKey, EntryVerdict, RevocationReason } from './ledger/entry.ts'
export { journalLedger } from './ledger/journal.ts'
export type { JournalLedger } from './ledger/journal.ts'
export type { IssuanceLedger } from './ledger/ledger.ts'
export { revocations } from './ledger/revocations.ts'
export type { Revocations, Taking } from './ledger/revocations.ts'
export { isName } from './name.ts'
