//! The simplest wordings: two parts in one breath, a word that names no column, rates of two counts, times of day or later, and verbs that a
//! list of things does not tell.

use super::*;

const SHOPS: (&str, &str) = (
    "shops.csv",
    "Shop figures 2024\nPrepared by the finance team\n\nshop,revenue\nDerry,400\nNewry,150\nOmagh,250\n",
);

#[test]
fn a_figure_of_all_and_the_best_of_them_are_two_answers() {
    check(
        SHOPS,
        &[
            (
                "Total revenue and best shop",
                &["total revenue is 800", "Derry", "400"],
            ),
            ("Weakest shop and total revenue", &["800", "Newry", "150"]),
            ("Average revenue and the top shop", &["266.67", "Derry"]),
            (
                "Total revenue, best shop and worst shop",
                &["800", "Derry", "Newry"],
            ),
        ],
    );
    check(
        (
            "nights.csv",
            "month,house,nights\n2025-01,Lodge,10\n2025-01,Cabin,40\n2025-02,Lodge,30\n2025-02,Cabin,5\n",
        ),
        &[
            ("Total nights and best month", &["85", "2025-01", "50"]),
            ("Nights per house and the total", &["Cabin 45", "is 85"]),
        ],
    );
    check(
        (
            "projekte.csv",
            "Projekt;Betrag\nAhorn;87.455,63 €\nBuche;19.097,90 €\n",
        ),
        &[(
            "Gesamtbetrag und teuerstes Projekt",
            &["106.553,53", "Ahorn"],
        )],
    );
}

#[test]
fn what_was_taken_of_what_there_was_is_a_rate_of_their_sums() {
    check(
        (
            "rooms.csv",
            "month,hotel,rooms_available,rooms_sold\n1,Alpin,100,50\n1,Bella,200,180\n2,Alpin,300,90\n2,Bella,200,120\n",
        ),
        &[
            ("Occupancy rate by hotel", &["Bella 75%", "Alpin 35%"]),
            ("Room occupancy per hotel", &["Bella 75%", "Alpin 35%"]),
            ("What is the overall occupancy?", &["55%"]),
            ("Which hotel has the highest occupancy?", &["Bella", "75%"]),
        ],
    );
    check(
        (
            "maschinen.csv",
            "Maschine;Stunden_verfügbar;Stunden_genutzt\nFräse;100;80\nSäge;100;30\n",
        ),
        &[("Auslastung je Maschine", &["Fräse 80 %", "Säge 30 %"])],
    );
}

#[test]
fn a_word_for_kinds_means_the_only_column_that_tells_things_apart() {
    check(
        (
            "channels.csv",
            "channel,revenue\nShop,141\nWeb,383\nShop,9\n",
        ),
        &[
            ("Total by category", &["Web 383", "Shop 150"]),
            ("Revenue per type", &["Web 383", "Shop 150"]),
        ],
    );
    check(
        (
            "trees.csv",
            "tree,count\nOak,25\nAsh,24\n\nOak,22\nAsh,60\n",
        ),
        &[("Trees counted per kind", &["Ash 84", "Oak 47"])],
    );
    check_not_there(
        (
            "two.csv",
            "channel,region,revenue\nShop,North,1\nWeb,South,2\nWeb,North,4\n",
        ),
        &[("Total by category", "category")],
    );
}

#[test]
fn a_column_of_units_of_one_kind_is_told_in_one_of_them() {
    check(
        (
            "pantry.csv",
            "item,stock\nFlour,2 kg\nYeast,250 g\nSugar,1.5 kg\nSalt,500 g\n",
        ),
        &[("Total stock", &["4.25 kg"])],
    );
    check(
        (
            "cables.csv",
            "cable,length\nA,1.5 m\nB,80 cm\nC,2 m\nD,120 cm\n",
        ),
        &[("How many cables are longer than 1 m?", &["is 3"])],
    );
    check(
        (
            "shelf.csv",
            "item,stock\nFlour,2 kg\nMilk,3 l\nYeast,4 kg\n",
        ),
        &[("Total stock", &["kg 6", "l 3"])],
    );
}

#[test]
fn times_of_day_have_their_bound_behind_them() {
    let calls = (
        "calls.csv",
        "time,seconds\n2025-02-03 17:59,10\n2025-02-03 18:00,20\n2025-02-04 21:10,30\n2025-02-05 08:00,40\n",
    );
    check(
        calls,
        &[
            ("How many calls came at 18:00 or later?", &["is 2"]),
            ("How many calls came at 8 am or earlier?", &["is 1"]),
            ("How many calls no later than 18:00?", &["is 3"]),
            ("Calls after 6 pm", &["is 1"]),
        ],
    );
    check(
        (
            "anrufe.csv",
            "Zeit;Sekunden\n03.02.2025 17:59;10\n03.02.2025 18:01;20\n",
        ),
        &[("Wie viele Anrufe kamen nach 18 Uhr?", &["1"])],
    );
}

#[test]
fn what_is_done_with_things_is_not_told_by_a_list_of_them() {
    let books = (
        "books.csv",
        "book,stock,price\nB1,6,20.5\nB2,12,23\nB3,10,37\nB4,6,9\n",
    );
    check_not_there(
        books,
        &[
            ("How many books were sold?", "sold"),
            ("How many books were lent out?", "lent"),
            ("How many books did we sell?", "sell"),
            ("Which book sold best?", "sold best"),
            ("How many customers are there?", "customers"),
        ],
    );
    check(books, &[("Total stock", &["34"])]);
    check_not_there(
        (
            "teams.csv",
            "team,city\nOwls,Leeds\nBears,Derby\nKites,York\n",
        ),
        &[("Number of players per team", "players")],
    );
    // How large a pot is says not how many were sold.
    check_not_there(
        (
            "plants.csv",
            "plant,pot_cm,price\nAloe,12,4\nBasil,9,3\nCress,20,7\n",
        ),
        &[("Revenue by plant", "Revenue")],
    );
}

#[test]
fn an_overview_of_several_currencies_has_a_figure_for_each() {
    check(
        (
            "paid.csv",
            "client,currency,amount\nA,EUR,10\nB,USD,20\nA,EUR,5\nB,GBP,7\n",
        ),
        &[("Analyze the amounts", &["USD 20", "EUR 15", "GBP 7"])],
    );
}

#[test]
fn a_remark_with_commas_is_no_row() {
    check(
        (
            "guests.csv",
            "date,guests\n2025-04-01,63\n2025-04-02,162\n\n* Sundays are estimated\nSource: reception desk, 15.04.2025\n",
        ),
        &[("How many guests in total?", &["225"])],
    );
}

#[test]
fn a_heading_that_begins_with_no_numbers_nothing() {
    check(
        (
            "clinics.csv",
            "clinic,appointments,no_shows\nNord,200,20\nOst,100,5\n",
        ),
        &[("No-show rate by clinic", &["Nord 10%", "Ost 5%"])],
    );
}
