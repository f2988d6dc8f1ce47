import { CryptoError } from '../errors.ts'
import { PASSPHRASE_COST, checkPassphrase } from '../kdf.ts'
import type { PassphraseCost } from '../kdf.ts'
import { generateSigningKey, signingKeyFromSeed } from '../signature/native.ts'
import type { SigningKey } from '../signature/native.ts'
import { generateSigner, signerFromSecret } from '../signature/signer.ts'
import type { OwnedSigner, Signer } from '../signature/signer.ts'
import { checkNew, readSecret, writeNew } from './file.ts'
import { lockKeys, unlockKeys } from './locked.ts'

/** What a node is: three keys. */
export interface Identity extends AsyncDisposable {
  readonly ed25519: SigningKey
  readonly mlDsa65: SigningKey
  readonly falcon1024: Signer
  readonly public: IdentityPublic
  /** Lets the FALCON thread go; the FALCON key signs no more. Safe to repeat. */
  close(): Promise<void>
}

/** What others know it by: the raw public keys. */
export interface IdentityPublic {
  readonly ed25519: Uint8Array
  readonly mlDsa65: Uint8Array
  readonly falcon1024: Uint8Array
}

/** Where an identity is kept, and what opens it. */
export interface IdentityFile {
  readonly file: string
  readonly passphrase: string
}

/**
 * Makes a new identity and keeps it in a new file: mode 0600, in a directory of mode 0700, encrypted under
 * the passphrase. The file is whole or not there, whenever the machine stops.
 *
 * @param options.cost - What a guess at the passphrase costs; stored in the file.
 * @throws {CryptoError} `identity-exists`: an identity is never overwritten; `identity-permissions` when others
 *   may enter the directory; `identity-unwritable`; `bad-value` for an empty passphrase or a cost out of range.
 */
export async function createIdentity(
  options: IdentityFile & { readonly cost?: PassphraseCost },
): Promise<Identity> {
  const { file, passphrase, cost = PASSPHRASE_COST } = options
  checkPassphrase(passphrase, cost)
  await checkNew(file)
  const falcon = await generateSigner('falcon-1024')
  const identity = assemble(generateSigningKey('ed25519'), generateSigningKey('ml-dsa-65'), falcon)
  try {
    const secrets = {
      ed25519: identity.ed25519.seed(),
      mlDsa65: identity.mlDsa65.seed(),
      falcon1024: falcon.secret(),
    }
    await writeNew(file, await lockKeys(secrets, passphrase, cost))
    return identity
  } catch (error) {
    await identity.close()
    throw error
  }
}

/**
 * Opens the identity in a file. It never makes one: a lost file is for a person to notice.
 *
 * @throws {CryptoError} `identity-missing`; `identity-permissions` when others may read it; `identity-damaged`;
 *   `wrong-passphrase`; `identity-unreadable`.
 */
export async function openIdentity({ file, passphrase }: IdentityFile): Promise<Identity> {
  const keys = await unlockKeys(await readSecret(file), passphrase, file)
  const falcon = await signerFromSecret('falcon-1024', keys.falcon1024).catch((cause: unknown) => {
    throw new CryptoError('identity-damaged', `${file} holds a FALCON key that is none`, { cause })
  })
  const ed25519 = signingKeyFromSeed('ed25519', keys.ed25519)
  return assemble(ed25519, signingKeyFromSeed('ml-dsa-65', keys.mlDsa65), falcon)
}

/** An identity that is kept nowhere and ends with the process. */
export async function generateIdentity(): Promise<Identity> {
  const falcon = await generateSigner('falcon-1024')
  return assemble(generateSigningKey('ed25519'), generateSigningKey('ml-dsa-65'), falcon)
}

function assemble(ed25519: SigningKey, mlDsa65: SigningKey, falcon: OwnedSigner): Identity {
  const close = async (): Promise<void> => falcon.close()
  const known: IdentityPublic = {
    ed25519: ed25519.publicKey,
    mlDsa65: mlDsa65.publicKey,
    falcon1024: falcon.publicKey,
  }
  return {
    ed25519,
    mlDsa65,
    falcon1024: falcon,
    public: known,
    close,
    [Symbol.asyncDispose]: close,
  }
}
