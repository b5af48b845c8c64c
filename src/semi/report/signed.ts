/** One digit after the point, always with a sign, and a true minus. */
export function signed(points: number): string {
  const digits = Math.abs(points).toFixed(1);
  if (Number(digits) === 0) return digits;
  return `${points < 0 ? "−" : "+"}${digits}`;
}
