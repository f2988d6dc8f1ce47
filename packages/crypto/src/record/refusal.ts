/** Why bytes are not a record. `at` is the path to the field, such as `limits.parts[2]`. */
export interface RecordRefusal {
  readonly code:
    | 'too-long'
    | 'malformed'
    | 'not-canonical'
    | 'wrong-domain'
    | 'wrong-version'
    | 'unknown-key'
    | 'missing-key'
    | 'wrong-type'
    | 'out-of-range'
  readonly at?: string
}

/** Carries a refusal from the depth of a decoding to its entry, where it becomes a result. */
export class Refused extends Error {
  readonly code: RecordRefusal['code']

  constructor(code: RecordRefusal['code']) {
    super(code)
    this.code = code
  }
}
