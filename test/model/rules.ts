/** What the protocol rests on. A search without one of them must find what it is for. */
export const RULES = {
  remark: 'a collector marks after all sessions that could know its plan have ended',
  remarkTwice: 'it looks for commits once more after it has looked for open sessions',
  oneRecord: 'the outcome is the commit record',
  newNames: 'names are never used twice',
  sessionFirst: 'a writer publishes its session before it reads plans and index',
  parentsAfter: 'a session checks that its snapshots are visible after it is published',
  sessionsAreRoots: 'snapshots that open sessions name are roots',
  plansStay: 'a plan is finished, never withdrawn',
  outcomesStay: 'outcomes are never deleted',
  oneFinal: 'there is one final for all who carry out a plan',
  listedFirst: 'what is copied is listed before the final',
  smallerDepth: 'the base of a delta has a copy of smaller depth',
  leases: 'a session whose lease is over can be revoked',
  helping: 'a plan that another collector left is finished',
} as const

export type Rule = keyof typeof RULES
