import { directoryBackend } from '../../../src/storage/directory-backend.ts'
import { actOf, facts, logOver } from './logs.ts'

/** Adds leaves from a process of its own: `append-process.ts <folder> <name> <count>`. */
const [, , folder = '', name = '', count = '0'] = process.argv
const log = logOver(directoryBackend(folder), { name })
for (let n = 0; n < Number(count); n++) await log.append(actOf(n), { ...facts, traceId: `${name} ${n}` })
