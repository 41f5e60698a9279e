import { BackupError } from '../errors.ts'
import { EXIT } from './exit-status.ts'
import type { ExitStatus } from './exit-status.ts'

export interface Interruption {
  readonly signal: AbortSignal
  /** The status to exit with, once a signal came. */
  status (): ExitStatus | undefined
  /** Stops listening. */
  end (): void
}

const STATUS = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.terminated } as const
type Signal = keyof typeof STATUS

/** The first signal stops the work and lets it clean up; the second ends the process where it stands. */
export function listenForInterruption (stderr: NodeJS.WriteStream): Interruption {
  const controller = new AbortController()
  let status: ExitStatus | undefined
  const stop = (name: Signal): void => {
    if (status !== undefined) process.exit(STATUS[name])
    status = STATUS[name]
    if (stderr.isTTY) stderr.write('\ncaf: stopping and cleaning up; once more to stop at once\n')
    controller.abort(new BackupError('CANCELLED', 'interrupted; nothing new is visible'))
  }
  for (const name of Object.keys(STATUS)) process.on(name, stop)
  return {
    signal: controller.signal,
    status: () => status,
    end: () => { for (const name of Object.keys(STATUS)) process.off(name, stop) },
  }
}
