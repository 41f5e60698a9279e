import { GENERATOR } from '../engine/generator.ts'

/** `0.1.0` */
export const VERSION = GENERATOR.split(' ')[1] ?? GENERATOR
