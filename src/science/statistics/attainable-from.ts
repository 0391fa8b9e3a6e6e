/** The smallest n at which n pairs each could reach alpha in a family of `members` tests: members 2 / 2^n <= alpha. */
export function attainableFrom(members: number, alpha: number): number {
  let n = 1;
  for (let least = members; least > alpha; least /= 2) n++;
  return n;
}
