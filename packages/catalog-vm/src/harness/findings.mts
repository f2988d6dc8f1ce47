// Looks around from inside a sandbox and says what it found, as JSON. Arguments: a file that is there on the host,
// and the port of a listener there.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { connect } from 'node:net'

const [hostFile = '', port = ''] = process.argv.slice(2)

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

// Asked, not tried: where the answer is yes, the folder is the host's.
function writing(path: string): string {
  try {
    accessSync(path, constants.W_OK)
    return 'yes'
  } catch (error) {
    return codeOf(error)
  }
}

function reaching(host: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) })
    socket.once('connect', () => resolve('connected'))
    socket.once('error', (error) => resolve(codeOf(error)))
  })
}

const child = spawnSync('/bin/true')
const findings = {
  root: readdirSync('/').sort(),
  hasHostFile: existsSync(hostFile),
  uid: process.getuid?.() ?? -1,
  environment: Object.keys(process.env).sort(),
  writeRoot: writing('/'),
  writeUsr: writing('/usr'),
  network: await Promise.all(['::1', '127.0.0.1'].map(reaching)),
  child: child.error === undefined ? 'started' : codeOf(child.error),
}
process.stdout.write(JSON.stringify(findings), () => process.exit(0))
