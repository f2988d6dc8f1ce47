import type { Probe } from '@hypermesh/host'
import { bubblewrap } from './engine/bubblewrap.ts'
import type { Engine } from './engine/engine.ts'
import { openIsolate } from './engine/isolate.ts'
import { openSandboxed } from './engine/sandboxed.ts'
import { unshare } from './engine/unshare.ts'
import type { Isolation } from './isolation.ts'
import { isAtLeast, ISOLATIONS } from './isolation.ts'
import type { Language } from './job.ts'
import { openJavaScript } from './language/javascript.ts'
import { openPython } from './language/python.ts'
import type { Runtime } from './language/runtime.ts'
import { refuse } from './refusal.ts'
import type { Refused } from './refusal.ts'
import { cgroupRights } from './sandbox/group.ts'
import { hostView } from './sandbox/view.ts'

/** What this host can confine, strongest first, and what it cannot, with the reason. */
export interface Engines {
  readonly all: readonly Engine[]
  readonly python: Probe<Runtime>
}

/** Opens the engines of these levels by trying each. */
export async function openEngines(
  levels: readonly Isolation[],
  pythons: readonly string[],
): Promise<Engines> {
  const rights = await cgroupRights()
  const needsPython = levels.some((level) => level !== 'isolate')
  const [javascript, python] = await Promise.all([
    openJavaScript(),
    needsPython ? openPython(pythons) : NO_SANDBOX,
  ])
  const others = python.available ? [python.value] : []
  const view = hostView()
  const open = (level: Isolation): Promise<Engine> => {
    switch (level) {
      case 'kernel':
        return openSandboxed(bubblewrap(view), { rights, javascript, others })
      case 'namespace':
        return openSandboxed(unshare(view), { rights, javascript, others })
      case 'isolate':
        return openIsolate(rights)
    }
  }
  const strongestFirst = ISOLATIONS.filter((level) => levels.includes(level)).toReversed()
  return { all: await Promise.all(strongestFirst.map(open)), python }
}

const NO_SANDBOX: Probe<Runtime> = {
  available: false,
  reason: 'a V8 isolate runs JavaScript only',
  remedy: 'open the catalog with the level kernel or namespace as well',
}

/** The strongest engine that runs the language at this level or above; never a weaker one. */
export function choose(
  { all, python }: Engines,
  language: Language,
  least: Isolation,
): { readonly ok: true; readonly engine: Engine } | Refused {
  const engine = all.find(
    ({ report }) =>
      report.isAvailable &&
      report.runtimes[language] !== undefined &&
      isAtLeast(report.isolation, least),
  )
  if (engine !== undefined) return { ok: true, engine }
  if (language === 'python' && !python.available) {
    const { reason, remedy } = python
    return refuse('language-unavailable', reason, remedy === undefined ? {} : { remedy })
  }
  const candidates = all.filter(({ report }) => isAtLeast(report.isolation, least))
  const reasons = candidates.map(({ report }) => {
    const { isolation, reasons } = report
    return `${isolation}: ${reasons.length > 0 ? reasons.join(', ') : `does not run ${language}`}`
  })
  const remedy = candidates.map(({ report }) => report.remedy).find((each) => each !== undefined)
  return refuse(
    'isolation-unavailable',
    `${language} cannot be confined at ${least} or above here (${reasons.join('; ') || 'not offered'})`,
    remedy === undefined ? {} : { remedy },
  )
}
