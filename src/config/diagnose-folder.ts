import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { Found } from './diagnosis.ts'

/** Is it a folder, and may we read it? */
export async function * diagnoseFolder (folder: string): AsyncGenerator<Found> {
  const found = await stat(folder).catch(() => undefined)
  if (found?.isDirectory() !== true) {
    yield { status: 'failed', code: 'SOURCE_MISSING', text: `there is no folder ${folder}` }
    return
  }
  try {
    await access(folder, constants.R_OK | constants.X_OK)
    yield { status: 'ok', text: `${folder} may be read` }
  } catch {
    yield { status: 'failed', code: 'SOURCE_DENIED', text: `${folder} may not be read by this user` }
  }
}
