import { constants } from 'node:fs'
import { open } from 'node:fs/promises'

/** Makes the names in a folder survive a power loss. */
export async function syncFolder (folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
