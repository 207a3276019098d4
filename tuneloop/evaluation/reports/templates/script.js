"use strict";
(() => {
  const viewer = document.getElementById("viewer");
  const part = (name) => document.getElementById(`viewer-${name}`);
  const pairs = [...document.querySelectorAll(".pair")].filter((pair) => pair.querySelector("button"));
  let pair = null;
  let figures = [];
  let at = 0;

  // Every image of the pair lies on the stage at once, so that a flip shows the next frame and no loading.
  function lay(next, role) {
    pair = next;
    figures = [...pair.querySelectorAll("figure")].filter((figure) => figure.querySelector("img"));
    part("title").textContent = pair.dataset.title;
    part("seed").textContent = pair.dataset.seed;
    part("stage").replaceChildren(...figures.map((figure) => figure.querySelector("img").cloneNode()));
    part("choices").replaceChildren(...figures.map((figure, number) => choice(figure.dataset.label, number)));
    const wanted = figures.findIndex((figure) => figure.classList.contains(role));
    show(Math.max(0, wanted));
    part("previous").disabled = pairs.indexOf(pair) === 0;
    part("next").disabled = pairs.indexOf(pair) === pairs.length - 1;
  }

  function choice(label, number) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => show(number));
    return button;
  }

  function show(number) {
    at = number;
    const figure = figures[at];
    part("label").textContent = figure.dataset.label;
    part("label").dataset.role = figure.classList[0];
    part("note").textContent = figure.dataset.note;
    part("note").classList.toggle("wrong", figure.classList.contains("wrong"));
    [...part("stage").children].forEach((image, each) => image.classList.toggle("shown", each === at));
    [...part("stage").children].forEach((image, each) => image.setAttribute("aria-hidden", each !== at));
    [...part("choices").children].forEach((button, each) => button.setAttribute("aria-pressed", each === at));
    part("full").replaceChildren(...full(figure));
  }

  function full(figure) {
    if (!figure.dataset.href) {
      return figure.dataset.uri ? [document.createTextNode(figure.dataset.uri)] : [];
    }
    const link = document.createElement("a");
    link.href = figure.dataset.href;
    link.textContent = "Full image";
    return [link];
  }

  // Between champion and challenger; from any other image to the challenger, and where there is one only, on.
  function flip() {
    const of = (role) => figures.findIndex((figure) => figure.classList.contains(role));
    const [champion, challenger] = [of("champion"), of("challenger")];
    if (champion < 0 || challenger < 0) {
      show((at + 1) % figures.length);
    } else {
      show(at === challenger ? champion : challenger);
    }
  }

  function step(by) {
    const next = pairs[pairs.indexOf(pair) + by];
    if (next) {
      lay(next, figures[at].classList[0]);
    }
  }

  function open(button) {
    lay(button.closest(".pair"), button.closest("figure").classList[0]);
    viewer.showModal();
    part("choices").children[at].focus();
    // A dialog gives back what had the focus, but Safari gives none to a button that is clicked.
    viewer.addEventListener("close", () => button.focus(), { once: true });
  }

  const keys = {
    ArrowLeft: flip,
    ArrowRight: flip,
    " ": flip,
    ArrowUp: () => step(-1),
    ArrowDown: () => step(1),
  };

  document.querySelectorAll(".pair button").forEach((button) => {
    button.addEventListener("click", () => open(button));
  });
  viewer.addEventListener("keydown", (event) => {
    const chosen = part("choices").contains(event.target);
    const pressed = event.target.closest("button, a") && !chosen && event.key === " ";
    if (keys[event.key] && !pressed && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      keys[event.key]();
      if (!viewer.contains(document.activeElement) || chosen || document.activeElement.disabled) {
        part("choices").children[at].focus();
      }
    }
  });
  viewer.addEventListener("click", (event) => {
    if (event.target === viewer) {
      viewer.close();
    }
  });
  part("stage").addEventListener("click", flip);
  part("close").addEventListener("click", () => viewer.close());
  part("previous").addEventListener("click", () => step(-1));
  part("next").addEventListener("click", () => step(1));
})();
