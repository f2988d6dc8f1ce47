/** Nodes of the mesh: four is the fewest that tolerate one liar. */
export const NODES = 4
