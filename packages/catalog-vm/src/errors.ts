/** What only the caller or the machine can be blamed for; a job that is turned down is a `Refusal` instead. */
export type CatalogErrorCode = 'wrong-key' | 'bad-program' | 'bad-receipt'

export class CatalogError extends Error {
  override readonly name = 'CatalogError'
  readonly code: CatalogErrorCode

  constructor(code: CatalogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
