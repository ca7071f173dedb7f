//! Kinds: a unit that contradicts what is asked for, what is said of rows by a column of yes and no, columns that somebody has, and questions
//! of which only a part was understood.

use super::*;

const STOCK: (&str, &str) = (
    "stock.csv",
    "article,item,in stock,minimum,unit price,depot\n0041,screws,3,10,1.20,A1\n0042,plugs,0,5,2.50,B2\n0043,roller,20,20,8.90,A1\n0044,paint,0,3,29.00,C4\n0045,tape,64,20,3.10,B2\n",
);
const PLANTS: (&str, &str) = (
    "plants.csv",
    "plant,room,height_cm,edible\nFern,hall,120,no\nBasil,kitchen,35,yes\nMint,kitchen,48,yes\nYucca,hall,180,no\nAloe,study,22,no\n",
);

#[test]
fn an_amount_of_money_is_not_told_in_another_unit() {
    let wide = (
        "energy_kwh_2024.csv",
        "site,Jan,Feb,Mar,Apr\nOffice,120,130,110,90\nDepot,310,290,300,280\nShop,75,80,70,60\n",
    );
    check_not_there(wide, &[("price of the electricity of the depot", "price")]);
    check(
        wide,
        &[("How many kWh did the office use in total?", &["450"])],
    );
    let long = (
        "readings.csv",
        "house,month,water (m3),heating (MWh)\nA,2024-01,31,19.5\nA,2024-02,29,17.5\nB,2024-01,44,16\nB,2024-02,41,15\n",
    );
    check_not_there(
        long,
        &[
            ("What did the water of house A cost?", "cost"),
            ("Was kostete das water von house A?", "kostete"),
        ],
    );
    check(long, &[("total water of house A", &["60"])]);
    let both = (
        "meters.csv",
        "house,power_kwh,cost_eur\nA,310,93.0\nB,120,36.0\n",
    );
    check(
        both,
        &[
            ("What did the power of house A cost?", &["93"]),
            ("total power_kwh of houses that cost more than 50", &["310"]),
        ],
    );
}

#[test]
fn a_figure_of_another_unit_is_not_what_was_asked() {
    let file = (
        "readings.csv",
        "house,month,water (m3)\nA,2024-01,31\nA,2024-02,29\nB,2024-01,44\n",
    );
    let came = ask("total water of house A", &[file]);
    let mut evidence = came.written.evidence.clone();
    for (goal, passes) in [
        ("total water of house A", true),
        ("total water cost of house A", false),
        ("price of the water of house A in total", false),
    ] {
        evidence.goal = goal.to_owned();
        let judged = Assessment::of([crate::ask::check(&came.written.answer, &evidence)]);
        assert_eq!(judged.verdict.passes(), passes, "{goal}");
    }
}

#[test]
fn yes_and_no_said_of_a_thing_chooses_rows() {
    check(
        PLANTS,
        &[
            ("Which edible plant is the tallest?", &["Mint", "48"]),
            ("How many edible plants are in the kitchen?", &["2"]),
            ("How many plants are not edible?", &["3"]),
            ("How many plants per edible?", &["3", "2"]),
        ],
    );
}

#[test]
fn what_somebody_has_is_a_column_where_one_is_called_so() {
    check(
        STOCK,
        &[
            ("How many items are below their minimum?", &["3"]),
            ("Which items have we run out of?", &["plugs", "paint"]),
        ],
    );
}

#[test]
fn which_is_not_answered_by_how_many_rows_each_has() {
    check_not_there(
        STOCK,
        &[
            ("Which depots do we run?", ""),
            ("Which items do we send back?", ""),
            ("How much does the roller weigh?", "weigh"),
        ],
    );
    check(STOCK, &[("Which depots are there?", &["A1", "B2", "C4"])]);
}

#[test]
fn a_column_of_one_month_holds_no_other_one() {
    let gym = (
        "gym.csv",
        "member,joined,fee per month,active,visits in May\nAda,03.01.2023,24.90,yes,4\nBen,14.06.2023,39.90,no,0\nCleo,30.06.2024,39.90,yes,9\n",
    );
    check_not_there(
        gym,
        &[("How many visits were there in June?", "visits in May")],
    );
    check(
        gym,
        &[
            ("How many visits were there in May?", &["13"]),
            (
                "How much do the active members pay per month altogether?",
                &["64.8"],
            ),
        ],
    );
}

#[test]
fn a_price_for_so_much_time_is_not_added_up_for_all_of_it() {
    let hotel = (
        "hotel.csv",
        "booking,room,check-in,check-out,rate per night\nR1,suite,2025-03-01,2025-03-04,210\nR2,suite,2025-03-07,2025-03-08,210\nR3,single,2025-03-09,2025-03-14,79\n",
    );
    check_not_there(
        hotel,
        &[("What revenue do the suite bookings bring in?", "revenue")],
    );
    check(
        hotel,
        &[("average length of stay for suites in nights", &["2"])],
    );
}

#[test]
fn the_word_for_all_that_a_file_holds_is_said_beside_one_of_it() {
    let grades = (
        "grades.csv",
        "pupil,class,German,English,Maths\nAmir,7a,2,1,3\nBea,7a,3,1,\nCarl,7b,1,4,5\nDora,7b,2,2,4\n",
    );
    check(
        grades,
        &[
            ("What is the average grade in Maths?", &["4"]),
            ("How many pupils got a 1 in English?", &["2"]),
            ("Who is missing a grade in Maths?", &["Bea"]),
        ],
    );
    check_not_there(grades, &[("What is the average grade in Physics?", "")]);
}

#[test]
fn income_and_expenses_are_told_apart_where_a_column_does() {
    let budget = (
        "budget.csv",
        "section,item,amount\nIncome,salary,3200\nIncome,benefit,255\nExpenses,rent,1150\nExpenses,food,510\nExpenses,car,210\n",
    );
    check(
        budget,
        &[
            ("How much did we spend in total?", &["1,870"]),
            ("What is the total amount of rent?", &["1,150"]),
        ],
    );
}

#[test]
fn places_and_compounds_and_times_of_day() {
    check(
        (
            "tabelle.csv",
            "Platz;Verein;Punkte\n1;Adler;30\n2;Birke;27\n3;Dohle;22\n4;Eiche;19\n5;Fichte;8\n",
        ),
        &[("Wer steht auf Platz 3?", &["Dohle"])],
    );
    check(
        (
            "kosten.csv",
            "Posten;Bereich;Betrag\nBahn;Reise;733,20\nHotel;Reise;1.189,00\nPapier;Material;88,90\nToner;Material;164,50\n",
        ),
        &[("Wie hoch sind die Reisekosten?", &["1.922,2"])],
    );
    check(
        (
            "clinic.csv",
            "No,Day,Time,Minutes\n1,03.02.2025,08:15,10\n2,03.02.2025,09:45,20\n3,14.02.2025,13:30,15\n4,24.02.2025,16:00,30\n",
        ),
        &[("How many appointments were before 10 am?", &["2"])],
    );
}

#[test]
fn a_number_behind_a_limit_is_no_value_and_so_many_periods_are_told() {
    let race = (
        "race.csv",
        "Bib,Runner,Age group,Time\n1,Abel,U30,0:41:10\n2,Bruno,50+,0:55:02\n3,Celine,30+,1:01:40\n4,Dana,50+,0:48:59\n",
    );
    check(
        race,
        &[("How many runners finished in under 50 minutes?", &["2"])],
    );
    let parcels = (
        "parcels.csv",
        "Year,Parcels,Damaged\n2020,1400,20\n2021,900,31\n2022,1250,44\n2023,1010,12\n2024,1300,50\n",
    );
    check(
        parcels,
        &[("the two years with the fewest parcels", &["2021", "2023"])],
    );
}

#[test]
fn an_amount_that_is_asked_for_is_the_price_of_all() {
    let pedidos = (
        "pedidos.csv",
        "Fecha;Producto;Unidades;Precio unitario\n22/06/2024;Vino;10;5,50\n28/01/2024;Queso;39;20,92\n03/03/2024;Vino;4;6,00\n",
    );
    check(
        pedidos,
        &[("¿Cuál es el importe total de los pedidos de vino?", &["79"])],
    );
}
