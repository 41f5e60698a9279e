export { mapInOrder } from '../cas/in-order.ts'
