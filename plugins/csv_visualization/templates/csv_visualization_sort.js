// Lets a click on a column name sort the rows: numbers by value, before texts; empty
// cells last. Works on the rows that are in the page, with their text as it is.
function makeSortable(table) {
  const body = table.tBodies[0];
  const headers = Array.from(table.tHead.rows[0].cells);

  function sortKey(row, index) {
    const text = row.cells[index].textContent.trim();
    const number = text === "" ? NaN : Number(text);
    return { text, rank: text === "" ? 2 : Number.isNaN(number) ? 1 : 0, number };
  }

  function compare(a, b) {
    if (a.rank !== b.rank) {
      return a.rank - b.rank;
    }
    return a.rank === 0 ? a.number - b.number : a.text.localeCompare(b.text);
  }

  function sortBy(index) {
    const descending = headers[index].getAttribute("aria-sort") === "ascending";
    const keyed = Array.from(body.rows, (row) => ({ row, key: sortKey(row, index) }));
    keyed.sort((a, b) => {
      const order = compare(a.key, b.key);
      const emptyLast = a.key.rank === 2 || b.key.rank === 2;
      return descending && !emptyLast ? -order : order;
    });
    headers.forEach((header) => header.removeAttribute("aria-sort"));
    headers[index].setAttribute("aria-sort", descending ? "descending" : "ascending");
    body.append(...keyed.map((item) => item.row));
  }

  headers.forEach((header, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "csv-table-sort";
    button.textContent = header.textContent;
    button.addEventListener("click", () => sortBy(index));
    header.replaceChildren(button);
  });
}
