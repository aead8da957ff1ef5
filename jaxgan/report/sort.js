// Sorts the rows of a table by the column whose header is clicked; without it the headers are plain words.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.title = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const rising = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows].map(row => [keyOf(row.cells[column]), row]);
      rows.sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null); // what has no value stands last, either way
        const order = typeof a === "string" ? a.localeCompare(b, "en", { numeric: true }) : (a > b) - (a < b);
        return rising ? order : -order;
      });
      table.tBodies[0].append(...rows.map(([, row]) => row));
    });
  });
}
function keyOf(cell) {
  const value = cell.dataset.v;
  if (value === undefined) return cell.textContent.trim() || null;
  return value === "" ? null : Number(value);
}
